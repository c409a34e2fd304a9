#include "model/gguf_copy.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "model/quantize.h"

namespace tandem {
namespace {

constexpr std::string_view kFileType = "general.file_type";

// llama.cpp's number (llama_ftype) for a file whose matrices are mostly of `type`.
std::optional<std::uint32_t> file_type_of(DataType type) {
  switch (type) {
    case DataType::kF32:
      return 0;
    case DataType::kF16:
      return 1;
    case DataType::kQ4_0:
      return 2;
    case DataType::kQ4_1:
      return 3;
    case DataType::kQ8_0:
      return 7;
    case DataType::kBF16:
      return 32;
    default:
      return {};  // mixtures of several types have numbers of their own
  }
}

// Null where the source's own is still right: nothing changed its type, or what most weights are
// has no number.
std::optional<std::uint32_t> file_type(const GgufFile& source, std::span<const GgufTensor> copies) {
  std::map<DataType, std::int64_t> elements;
  bool changed = false;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    changed |= copies[i].type != source.tensors()[i].type;
    elements[copies[i].type] += source.tensors()[i].element_count();
  }
  if (!changed) return {};
  const auto count = [](const auto& entry) { return entry.second; };
  return file_type_of(std::ranges::max_element(elements, {}, count)->first);
}

GgufMetadataWriter metadata_of(const GgufFile& source, std::span<const GgufTensor> copies) {
  const auto type = file_type(source, copies);
  GgufMetadataWriter metadata;
  for (const GgufMetadata& entry : source.metadata()) {
    // An alignment that a file asks for decides the size of its copy, up to gigabytes of padding.
    if (entry.key == "general.alignment" || (type && entry.key == kFileType)) continue;
    metadata.add(entry);
  }
  if (type) metadata.add_number(kFileType, *type);
  return metadata;
}

std::vector<GgufTensor> copies_of(const GgufFile& source,
                                  const std::function<DataType(const TensorView&)>& type_of) {
  std::vector<GgufTensor> copies;
  for (const TensorView& tensor : source.tensors()) {
    copies.push_back({tensor.name, tensor.shape, type_of(tensor)});
    TANDEM_CHECK(copies.back().type == tensor.type || can_quantize(copies.back().type));
  }
  return copies;
}

}  // namespace

GgufCopy::GgufCopy(const std::filesystem::path& path, const GgufFile& source,
                   const std::function<DataType(const TensorView&)>& type_of)
    : source_(source),
      tensors_(copies_of(source, type_of)),
      writer_(path, metadata_of(source, tensors_), tensors_) {}

void GgufCopy::write(std::string_view name, std::span<const float> values) {
  const TensorView* const tensor = source_.find(name);
  TANDEM_CHECK(tensor != nullptr && tensor->element_count() == std::ssize(values));
  writer_.write(name, values);
}

void GgufCopy::finish() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const TensorView& tensor = source_.tensors()[i];
    if (writer_.has_written(tensor.name)) continue;
    if (tensors_[i].type == tensor.type) {
      writer_.write_bytes(tensor.name, tensor.data);
      continue;
    }
    writer_.write(tensor.name, dequantize(tensor));
  }
  writer_.finish();
}

DataType type_for_trained(const TensorView& tensor) {
  if (tensor.shape.size() < 2) return DataType::kF32;
  return tensor_size_bytes(DataType::kQ8_0, tensor.shape) ? DataType::kQ8_0 : DataType::kF16;
}

}  // namespace tandem
