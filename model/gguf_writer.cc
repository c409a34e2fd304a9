#include "model/gguf_writer.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "base/error.h"
#include "model/finite.h"
#include "model/quantize.h"

namespace tandem {
namespace {

constexpr char kMagic[] = {'G', 'G', 'U', 'F'};
constexpr std::uint32_t kVersion = 3;

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
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
  append(header, source.metadata_count());
  header.append(reinterpret_cast<const char*>(source.metadata().data()), source.metadata().size());
  const std::uint64_t alignment = source.alignment();
  const auto aligned = [&](std::uint64_t offset) {
    return (offset + alignment - 1) / alignment * alignment;
  };
  std::uint64_t offset = 0;
  for (const TensorView& tensor : source.tensors()) {
    const DataType type = type_of(tensor);
    TANDEM_CHECK(type == tensor.type || can_quantize(type));
    append(header, static_cast<std::uint64_t>(tensor.name.size()));
    header += tensor.name;
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
  if (!all_finite(values))
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("tensor {} holds values that are not finite", name));
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
