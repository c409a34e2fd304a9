// GGUF, the file format of llama.cpp, versions 2 and 3, little-endian.
//
//   file     = "GGUF" version:u32 tensor_count:u64 metadata_count:u64
//              metadata{metadata_count} tensor_info{tensor_count} padding data
//   metadata = key:string type:u32 value
//   string   = length:u64 byte{length}
//   array    = element_type:u32 count:u64 value{count}
//   tensor_info = name:string dimensions:u32 size:u64{dimensions} type:u32 offset:u64
// An array may hold arrays. The data section begins at the next multiple of `general.alignment` (32
// unless stated); offsets count from there.
#ifndef TANDEM_MODEL_GGUF_H_
#define TANDEM_MODEL_GGUF_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/weights.h"

namespace tandem {

// One entry as it lies in the file; valid as long as the GgufFile.
struct GgufMetadata {
  std::string_view key;
  std::span<const std::byte> bytes;  // key, type and value
};

// Getters return nullopt when the key is absent and throw kCorrupt when its type is another one.
// Integers of any width are accepted where the value fits. Immutable; safe from any thread.
class GgufFile : public WeightFile {
 public:
  virtual std::optional<std::int64_t> integer(std::string_view key) const = 0;
  virtual std::optional<double> number(std::string_view key) const = 0;
  virtual std::optional<bool> boolean(std::string_view key) const = 0;
  // Not necessarily valid UTF-8.
  virtual std::optional<std::string_view> text(std::string_view key) const = 0;
  virtual std::optional<std::vector<std::string_view>> texts(std::string_view key) const = 0;
  virtual std::optional<std::vector<std::int64_t>> integers(std::string_view key) const = 0;
  virtual std::optional<std::vector<float>> floats(std::string_view key) const = 0;

  // All metadata, in the order of the file.
  virtual const std::vector<GgufMetadata>& metadata() const = 0;
};

// The number by which a file names the type of a tensor.
std::uint32_t ggml_type(DataType type);

// Throws kNotFound, kCorrupt (with advice to fetch the file again) or kUnsupported (tensor type,
// version, big-endian).
std::unique_ptr<GgufFile> open_gguf(const std::filesystem::path& path);

}  // namespace tandem

#endif  // TANDEM_MODEL_GGUF_H_
