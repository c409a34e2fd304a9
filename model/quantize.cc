#include "model/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "model/ggml_blocks.h"

namespace tandem {
namespace {

constexpr std::size_t kBlock = 32;

std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

// 32 numbers to 34 bytes.
void quantize_q8_0(const float* values, std::byte* out) {
  float largest = 0;
  for (std::size_t i = 0; i < kBlock; ++i) largest = std::max(largest, std::abs(values[i]));
  const float scale = largest / 127.0f;
  const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
  const std::uint16_t half = float_to_half(scale);
  std::memcpy(out, &half, sizeof half);
  for (std::size_t i = 0; i < kBlock; ++i)
    out[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(values[i] * inverse)));
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
  return type == DataType::kF32 || type == DataType::kF16 || type == DataType::kBF16 ||
         type == DataType::kQ8_0;
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
  for (std::size_t i = 0; i < values.size() / kBlock; ++i)
    quantize_q8_0(values.data() + i * kBlock, bytes.data() + i * block_bytes);
  return bytes;
}

}  // namespace tandem
