#include "model/gguf_cursor.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <limits>

namespace tandem {
namespace {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

constexpr std::uint32_t kValueTypeCount = 13;
constexpr int kMaxArrayDepth = 4;

// Bytes of a value of fixed size; 0 for strings and arrays.
std::size_t fixed_size(ValueType type) {
  constexpr std::array<std::uint8_t, kValueTypeCount> kSizes = {1, 1, 2, 2, 4, 4, 4,
                                                                1, 0, 0, 8, 8, 8};
  return kSizes[static_cast<std::size_t>(type)];
}

}  // namespace

std::string_view name_of(ValueType type) {
  constexpr std::array<std::string_view, kValueTypeCount> kNames = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<std::size_t>(type)];
}

bool is_fraction(ValueType type) {
  return type == ValueType::kF32 || type == ValueType::kF64;
}

bool is_integer(ValueType type) {
  return fixed_size(type) != 0 && !is_fraction(type) && type != ValueType::kBool;
}

void GgufCursor::fail(std::string_view fault, ErrorCode code) const {
  throw Error(
      code, fmt::format("cannot read {} as GGUF: {}", path_.string(), fault),
      code == ErrorCode::kUnsupported
          ? "use a file with tensors of type F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q4_K, Q6_K"
          : "fetch the model again");
}

void GgufCursor::skip(std::uint64_t size_bytes) {
  if (size_bytes > remaining()) {
    fail(fmt::format("it ends at byte {}, inside its header", bytes_.size()));
  }
  position_ += static_cast<std::size_t>(size_bytes);
}

std::string_view GgufCursor::read_string() {
  const auto size = read<std::uint64_t>();
  const std::size_t at = position_;
  skip(size);
  return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(size)};
}

ValueType GgufCursor::read_type() {
  const auto type = read<std::uint32_t>();
  if (type >= kValueTypeCount) fail(fmt::format("metadata has the unknown type {}", type));
  return static_cast<ValueType>(type);
}

std::int64_t GgufCursor::read_integer(ValueType type) {
  switch (type) {
    case ValueType::kU8:
      return read<std::uint8_t>();
    case ValueType::kI8:
      return read<std::int8_t>();
    case ValueType::kU16:
      return read<std::uint16_t>();
    case ValueType::kI16:
      return read<std::int16_t>();
    case ValueType::kU32:
      return read<std::uint32_t>();
    case ValueType::kI32:
      return read<std::int32_t>();
    case ValueType::kI64:
      return read<std::int64_t>();
    case ValueType::kU64: {
      const auto value = read<std::uint64_t>();
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        fail(fmt::format("metadata holds the number {}, which is out of range", value));
      }
      return static_cast<std::int64_t>(value);
    }
    default:
      TANDEM_CHECK(is_integer(type));
      return 0;
  }
}

double GgufCursor::read_number(ValueType type) {
  if (type == ValueType::kF32) return read<float>();
  if (type == ValueType::kF64) return read<double>();
  return static_cast<double>(read_integer(type));
}

void GgufCursor::skip_value(ValueType type, int array_depth) {
  if (type == ValueType::kString) {
    read_string();
    return;
  }
  if (type != ValueType::kArray) return skip(fixed_size(type));
  if (array_depth == kMaxArrayDepth) fail("metadata has arrays nested too deeply");
  const ValueType element = read_type();
  const auto count = read<std::uint64_t>();
  if (const std::size_t size = fixed_size(element); size != 0) {
    if (count > remaining() / size) fail("a metadata array is longer than the file");
    return skip(count * size);
  }
  for (std::uint64_t i = 0; i < count; ++i) skip_value(element, array_depth + 1);
}

}  // namespace tandem
