#include "model/safetensors_writer.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/quantize.h"

namespace tandem {
namespace {

// What a header's length is a multiple of, so that the numbers after it are aligned.
constexpr std::size_t kAlignment = 8;

std::uint64_t element_count(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::uint64_t>(size);
  return count;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::span<const TensorShape> tensors)
    : file_(path) {
  nlohmann::json header;
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t offset = 0;
  for (const auto& [name, shape, type] : tensors) {
    TANDEM_CHECK(type == DataType::kF32 || type == DataType::kF16 || type == DataType::kBF16);
    const std::uint64_t count = element_count(shape);
    const std::uint64_t end = offset + count * block_layout(type).size_bytes;
    TANDEM_CHECK(places_.emplace(name, Place{offset, count, type}).second);
    header[name] = {{"dtype", to_string(type)}, {"shape", shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const std::uint64_t size = text.size();
  file_.write_at(0, std::as_bytes(std::span(&size, 1)));
  file_.write_at(sizeof size, std::as_bytes(std::span(text)));
  for (auto& [name, place] : places_) place.offset += sizeof size + size;
}

void SafetensorsWriter::write(std::string_view name, std::span<const float> values) {
  const auto found = places_.find(name);
  TANDEM_CHECK(found != places_.end() && !found->second.written &&
               found->second.count == values.size());
  const auto& [offset, count, type, written] = found->second;
  check_values(name, type, values);
  if (type == DataType::kF32)
    file_.write_at(offset, std::as_bytes(values));
  else
    file_.write_at(offset, quantize(type, values));
  found->second.written = true;
}

void SafetensorsWriter::finish() {
  for (const auto& [name, place] : places_) TANDEM_CHECK(place.written);
  file_.publish();
}

}  // namespace tandem
