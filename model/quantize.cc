#include "model/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "model/finite.h"
#include "model/ggml_blocks.h"

namespace tandem {
namespace {

constexpr std::size_t kBlock = 32;

std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

// What numbers of a block are multiplied by. A scale too small for its inverse counts as zero.
float inverse_of(float scale) {
  const float inverse = 1.0f / scale;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

std::byte* append_half(std::byte* out, float value) {
  const std::uint16_t half = float_to_half(value);
  std::memcpy(out, &half, sizeof half);
  return out + sizeof half;
}

void quantize_q8_0(const float* values, std::byte* out) {
  float largest = 0;
  for (std::size_t i = 0; i < kBlock; ++i) largest = std::max(largest, std::abs(values[i]));
  const float scale = largest / 127.0f;
  const float inverse = inverse_of(scale);
  out = append_half(out, scale);
  for (std::size_t i = 0; i < kBlock; ++i)
    out[i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(values[i] * inverse)));
}

// `at` says where a value lies on the scale of 0 to 15, a half added; the first half of a block
// goes to the low nibbles.
template <class Position>
void write_nibbles(const float* values, std::byte* out, Position at) {
  const auto nibble = [&](std::size_t i) { return std::min(15, static_cast<int>(at(values[i]))); };
  for (std::size_t i = 0; i < kBlock / 2; ++i)
    out[i] = static_cast<std::byte>(nibble(i) | nibble(i + kBlock / 2) << 4);
}

void quantize_q4_0(const float* values, std::byte* out) {
  const float farthest = *std::max_element(
      values, values + kBlock, [](float a, float b) { return std::abs(a) < std::abs(b); });
  const float scale = farthest / -8.0f;
  const float inverse = inverse_of(scale);
  write_nibbles(values, append_half(out, scale),
                [&](float value) { return value * inverse + 8.5f; });
}

void quantize_q4_1(const float* values, std::byte* out) {
  const auto [least, greatest] = std::minmax_element(values, values + kBlock);
  const float minimum = *least;
  const float scale = (*greatest - minimum) / 15.0f;
  const float inverse = inverse_of(scale);
  write_nibbles(values, append_half(append_half(out, scale), minimum),
                [&](float value) { return (value - minimum) * inverse + 0.5f; });
}

template <class Convert>
std::vector<std::byte> convert(std::span<const float> values, Convert to_bits) {
  std::vector<std::byte> bytes(values.size() * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = to_bits(values[i]);
    std::memcpy(bytes.data() + i * sizeof bits, &bits, sizeof bits);
  }
  return bytes;
}

}  // namespace

bool can_quantize(DataType type) {
  switch (type) {
    case DataType::kF32:
    case DataType::kF16:
    case DataType::kBF16:
    case DataType::kQ8_0:
    case DataType::kQ4_0:
    case DataType::kQ4_1:
      return true;
    default:
      return false;
  }
}

float largest_value(DataType type) {
  // From 65,520 on the nearest half is infinity.
  constexpr float kHalf = 65519.99f;
  constexpr std::uint32_t kBrain = 0x7F7F7FFFu;
  switch (type) {
    case DataType::kF16:
    case DataType::kQ4_1:
      return kHalf;
    case DataType::kBF16:
      return std::bit_cast<float>(kBrain);
    case DataType::kQ8_0:
      return kHalf * 127.0f;
    case DataType::kQ4_0:
      return kHalf * 8.0f;
    default:
      return std::numeric_limits<float>::max();
  }
}

void check_values(std::string_view tensor, DataType type, std::span<const float> values) {
  const float largest = largest_value(type);
  if (!all_within(values, largest))
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("tensor {} holds values that are not finite, or beyond {:g}, which {} "
                            "cannot hold",
                            tensor, largest, to_string(type)));
}

std::vector<std::byte> quantize(DataType type, std::span<const float> values) {
  TANDEM_CHECK(can_quantize(type));
  if (type == DataType::kF16) return convert(values, float_to_half);
  if (type == DataType::kBF16) return convert(values, to_bfloat16);
  if (type == DataType::kF32) {
    const auto bytes = std::as_bytes(values);
    return {bytes.begin(), bytes.end()};
  }
  TANDEM_CHECK(values.size() % kBlock == 0);
  const std::size_t block_bytes = block_layout(type).size_bytes;
  std::vector<std::byte> bytes(values.size() / kBlock * block_bytes);
  const auto quantize_block = type == DataType::kQ8_0   ? quantize_q8_0
                              : type == DataType::kQ4_0 ? quantize_q4_0
                                                        : quantize_q4_1;
  for (std::size_t i = 0; i < values.size() / kBlock; ++i)
    quantize_block(values.data() + i * kBlock, bytes.data() + i * block_bytes);
  return bytes;
}

}  // namespace tandem
