#include "model/gguf_writer.h"

#include "base/error.h"
#include "model/quantize.h"

namespace tandem {
namespace {

constexpr char kMagic[] = {'G', 'G', 'U', 'F'};
constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kAlignment = 32;  // what a file has that does not state one

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

}  // namespace

GgufMetadataWriter& GgufMetadataWriter::add(const GgufMetadata& entry) {
  bytes_.append(reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size());
  ++count_;
  return *this;
}

GgufMetadataWriter& GgufMetadataWriter::add_entry(std::string_view key, ValueType type,
                                                  std::string_view value) {
  append_string(bytes_, key);
  append(bytes_, type);
  bytes_ += value;
  ++count_;
  return *this;
}

GgufMetadataWriter& GgufMetadataWriter::add_text(std::string_view key, std::string_view value) {
  std::string bytes;
  append_string(bytes, value);
  return add_entry(key, ValueType::kString, bytes);
}

GgufMetadataWriter& GgufMetadataWriter::add_number(std::string_view key, std::uint32_t value) {
  std::string bytes;
  append(bytes, value);
  return add_entry(key, ValueType::kU32, bytes);
}

GgufMetadataWriter& GgufMetadataWriter::add_fraction(std::string_view key, float value) {
  std::string bytes;
  append(bytes, value);
  return add_entry(key, ValueType::kF32, bytes);
}

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadataWriter& metadata,
                       std::span<const GgufTensor> tensors)
    : file_(path) {
  std::string header(kMagic, sizeof kMagic);
  append(header, kVersion);
  append(header, static_cast<std::uint64_t>(tensors.size()));
  append(header, metadata.count());
  header += metadata.bytes();
  std::uint64_t offset = 0;
  for (const auto& [name, shape, type] : tensors) {
    const auto size_bytes = tensor_size_bytes(type, shape);
    TANDEM_CHECK(size_bytes.has_value());
    append_string(header, name);
    append(header, static_cast<std::uint32_t>(shape.size()));
    for (auto size = shape.rbegin(); size != shape.rend(); ++size)
      append(header, static_cast<std::uint64_t>(*size));
    append(header, ggml_type(type));
    append(header, offset);
    const bool is_new = places_.emplace(name, Place{type, offset, *size_bytes}).second;
    TANDEM_CHECK(is_new);
    offset = aligned(offset + *size_bytes);
  }
  header.resize(aligned(header.size()), '\0');
  file_.write_at(0, std::as_bytes(std::span(header)));
  for (auto& [name, place] : places_) place.offset += header.size();
}

GgufWriter::Place& GgufWriter::place_for(std::string_view name) {
  const auto found = places_.find(name);
  TANDEM_CHECK(found != places_.end() && !found->second.written);
  return found->second;
}

void GgufWriter::write(std::string_view name, std::span<const float> values) {
  const DataType type = place_for(name).type;
  check_values(name, type, values);
  write_bytes(name, quantize(type, values));
}

void GgufWriter::write_bytes(std::string_view name, std::span<const std::byte> bytes) {
  Place& place = place_for(name);
  TANDEM_CHECK(bytes.size() == place.size_bytes);
  file_.write_at(place.offset, bytes);
  place.written = true;
}

bool GgufWriter::has_written(std::string_view name) const {
  return places_.find(name)->second.written;
}

void GgufWriter::finish() {
  for (const auto& [name, place] : places_) TANDEM_CHECK(place.written);
  file_.publish();
}

}  // namespace tandem
