#include "model/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/error.h"
#include "model/gguf_cursor.h"
#include "model/quantize.h"

namespace tandem {
namespace {

constexpr char kMagic[] = {'G', 'G', 'U', 'F'};
constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kAlignment = 32;  // what a file has that does not state one
constexpr std::string_view kFileType = "general.file_type";

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& bytes, std::string_view text) {
  append(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += text;
}

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

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
std::optional<std::uint32_t> file_type(const GgufFile& source,
                                       const std::function<DataType(const TensorView&)>& type_of) {
  std::map<DataType, std::int64_t> elements;
  bool changed = false;
  for (const TensorView& tensor : source.tensors()) {
    const DataType type = type_of(tensor);
    changed |= type != tensor.type;
    elements[type] += tensor.element_count();
  }
  if (!changed) return {};
  const auto count = [](const auto& entry) { return entry.second; };
  return file_type_of(std::ranges::max_element(elements, {}, count)->first);
}

void append_metadata(std::string& header, const GgufFile& source,
                     std::optional<std::uint32_t> file_type) {
  std::vector<GgufMetadata> kept = source.metadata();
  // An alignment that a file asks for decides the size of its copy, up to gigabytes of padding.
  std::erase_if(kept, [&](const GgufMetadata& entry) {
    return entry.key == "general.alignment" || (file_type && entry.key == kFileType);
  });
  append(header, static_cast<std::uint64_t>(kept.size() + (file_type ? 1 : 0)));
  for (const GgufMetadata& entry : kept)
    header.append(reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size());
  if (!file_type) return;
  append_string(header, kFileType);
  append(header, ValueType::kU32);
  append(header, *file_type);
}

std::uint64_t size_bytes(const TensorView& tensor, DataType type) {
  const auto size = tensor_size_bytes(type, tensor.shape);
  TANDEM_CHECK(size.has_value());
  return *size;
}

}  // namespace

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufFile& source,
                       const std::function<DataType(const TensorView&)>& type_of)
    : file_(path) {
  std::string header(kMagic, sizeof kMagic);
  append(header, kVersion);
  append(header, static_cast<std::uint64_t>(source.tensors().size()));
  append_metadata(header, source, file_type(source, type_of));
  std::uint64_t offset = 0;
  for (const TensorView& tensor : source.tensors()) {
    const DataType type = type_of(tensor);
    TANDEM_CHECK(type == tensor.type || can_quantize(type));
    append_string(header, tensor.name);
    append(header, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
      append(header, static_cast<std::uint64_t>(*size));
    append(header, ggml_type(type));
    append(header, offset);
    places_.emplace(tensor.name, Place{&tensor, type, offset});
    offset = aligned(offset + size_bytes(tensor, type));
  }
  header.resize(aligned(header.size()), '\0');
  file_.write_at(0, std::as_bytes(std::span(header)));
  for (auto& [name, place] : places_) place.offset += header.size();
}

void GgufWriter::write(std::string_view name, std::span<const float> values) {
  const auto found = places_.find(name);
  TANDEM_CHECK(found != places_.end() && !found->second.written);
  Place& place = found->second;
  TANDEM_CHECK(place.source->element_count() == static_cast<std::int64_t>(values.size()));
  const float largest = largest_value(place.type);
  // NaN compares as false.
  if (!std::ranges::all_of(values, [&](float value) { return std::abs(value) <= largest; }))
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("tensor {} holds values that are not finite, or beyond {:g}, which {} "
                            "cannot hold",
                            name, largest, to_string(place.type)));
  file_.write_at(place.offset, quantize(place.type, values));
  place.written = true;
}

void GgufWriter::finish() {
  for (auto& [name, place] : places_) {
    if (place.written) continue;
    if (place.type == place.source->type) {
      file_.write_at(place.offset, place.source->data);
      continue;
    }
    std::vector<float> values(static_cast<std::size_t>(place.source->element_count()));
    dequantize(*place.source, values);
    write(name, values);
  }
  file_.publish();
}

DataType type_for_trained(const TensorView& tensor) {
  if (tensor.shape.size() < 2) return DataType::kF32;
  return tensor_size_bytes(DataType::kQ8_0, tensor.shape) ? DataType::kQ8_0 : DataType::kF16;
}

}  // namespace tandem
