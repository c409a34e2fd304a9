// Writing a GGUF (model/gguf.h).
#ifndef TANDEM_MODEL_GGUF_WRITER_H_
#define TANDEM_MODEL_GGUF_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "model/gguf.h"
#include "model/gguf_cursor.h"

namespace tandem {

// Keys are unique.
class GgufMetadataWriter {
 public:
  GgufMetadataWriter& add(const GgufMetadata& entry);
  GgufMetadataWriter& add_text(std::string_view key, std::string_view value);
  GgufMetadataWriter& add_number(std::string_view key, std::uint32_t value);
  GgufMetadataWriter& add_fraction(std::string_view key, float value);

  std::uint64_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  // `value` as it lies in the file.
  GgufMetadataWriter& add_entry(std::string_view key, ValueType type, std::string_view value);

  std::uint64_t count_ = 0;
  std::string bytes_;
};

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // outermost first
  DataType type = DataType::kF32;
};

// Tensors are aligned to 32 bytes. Used by one thread. The file takes its place in finish(), and
// never if that is not called.
class GgufWriter {
 public:
  // Names are unique and shapes whole numbers of blocks. Throws as OutputFile does.
  GgufWriter(const std::filesystem::path& path, const GgufMetadataWriter& metadata,
             std::span<const GgufTensor> tensors);

  // Once for each tensor, in any order, by numbers or by the bytes of its type. Throws
  // kInvalidArgument, naming the tensor, for numbers that are not finite or beyond largest_value()
  // of its type, which must be one that quantize() knows.
  void write(std::string_view name, std::span<const float> values);
  void write_bytes(std::string_view name, std::span<const std::byte> bytes);
  bool has_written(std::string_view name) const;
  void finish();

 private:
  struct Place {
    DataType type = DataType::kF32;
    std::uint64_t offset = 0;  // in the file
    std::uint64_t size_bytes = 0;
    bool written = false;
  };

  Place& place_for(std::string_view name);

  OutputFile file_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_GGUF_WRITER_H_
