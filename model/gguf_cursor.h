// Reads the typed values of a GGUF header, front to back.
#ifndef TANDEM_MODEL_GGUF_CURSOR_H_
#define TANDEM_MODEL_GGUF_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/error.h"

namespace tandem {

enum class ValueType : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

std::string_view name_of(ValueType type);
bool is_integer(ValueType type);
bool is_fraction(ValueType type);

// Every step is checked against the end of the bytes and throws kCorrupt beyond it. Borrows path
// and bytes. Used by one thread at a time.
class GgufCursor {
 public:
  GgufCursor(const std::filesystem::path& path, std::span<const std::byte> bytes,
             std::size_t position)
      : path_(path), bytes_(bytes), position_(position) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  void skip(std::uint64_t size_bytes);

  template <typename T>
  T read() {
    const std::size_t at = position_;
    skip(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }

  std::string_view read_string();
  ValueType read_type();
  // `type` must be an integer type. Throws kCorrupt for a value beyond std::int64_t.
  std::int64_t read_integer(ValueType type);
  // `type` must be an integer type or a fraction.
  double read_number(ValueType type);
  void skip_value(ValueType type) { skip_value(type, 0); }

  // Throws, naming the file.
  [[noreturn]] void fail(std::string_view fault, ErrorCode code = ErrorCode::kCorrupt) const;

 private:
  void skip_value(ValueType type, int array_depth);

  const std::filesystem::path& path_;
  std::span<const std::byte> bytes_;
  std::size_t position_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_GGUF_CURSOR_H_
