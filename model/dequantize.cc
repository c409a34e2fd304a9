// Block layouts of GGML (ggml-common.h in llama.cpp); all integers little-endian, d and m are F16.
//
//   Q4_0  d, 16 bytes: element i in the low nibble of byte i, i + 16 in the high; value d * (q - 8)
//   Q4_1  d, m, 16 bytes in the same order; value d * q + m
//   Q5_0  d, 4 bytes: bit i is the fifth of element i, 16 bytes as in Q4_0; value d * (q - 16)
//   Q8_0  d, 32 signed bytes; value d * q
//   Q4_K  d, m, 12 bytes of 8 scales and 8 minima of 6 bits each, 128 bytes: per 64 elements 32
//   bytes,
//         low nibbles first; value (d * scale) * q - m * minimum
//   Q6_K  128 bytes of low nibbles, 64 bytes of high pairs of bits, 16 signed scales, d;
//         value (d * scale) * (q - 32)
//
// The products in brackets are exact in float, so the order of operations below gives the same bits
// as GGML's.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "model/weights.h"

namespace tandem {
namespace {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

using Byte = std::uint8_t;

template <typename T>
T load(const Byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Written without branches on the data so that the compiler can vectorise the loop around it.
float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = half & 0x7C00u;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7FFFu) << 13;
  const std::uint32_t normal = magnitude + (112u << 23);
  const std::uint32_t special = magnitude | 0x7F800000u;  // infinity, NaN
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<int>(half & 0x03FFu)) * 0x1p-24f);
  const std::uint32_t bits = exponent == 0 ? subnormal : exponent == 0x7C00u ? special : normal;
  return std::bit_cast<float>(bits | sign);
}

float load_half(const Byte* bytes) {
  return half_to_float(load<std::uint16_t>(bytes));
}

// Nibbles of 16 bytes to 32 elements, each through `value`.
template <typename Value>
void expand_nibbles(const Byte* quants, float* out, const Value& value) {
  for (int i = 0; i < 16; ++i) {
    out[i] = value(quants[i] & 0x0F);
    out[i + 16] = value(quants[i] >> 4);
  }
}

void expand_q4_0(const Byte* block, float* out) {
  const float d = load_half(block);
  expand_nibbles(block + 2, out, [d](int q) { return d * static_cast<float>(q - 8); });
}

void expand_q4_1(const Byte* block, float* out) {
  const float d = load_half(block);
  const float m = load_half(block + 2);
  expand_nibbles(block + 4, out, [d, m](int q) { return d * static_cast<float>(q) + m; });
}

void expand_q5_0(const Byte* block, float* out) {
  const float d = load_half(block);
  const auto high = load<std::uint32_t>(block + 2);
  for (int i = 0; i < 16; ++i) {
    const int first = (block[6 + i] & 0x0F) | static_cast<int>((high >> i & 1) << 4);
    const int second = (block[6 + i] >> 4) | static_cast<int>((high >> (i + 16) & 1) << 4);
    out[i] = d * static_cast<float>(first - 16);
    out[i + 16] = d * static_cast<float>(second - 16);
  }
}

void expand_q8_0(const Byte* block, float* out) {
  const float d = load_half(block);
  for (int i = 0; i < 32; ++i) {
    out[i] = d * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
  }
}

struct ScalesAndMinima {
  std::array<float, 8> scale;
  std::array<float, 8> minimum;
};

// Bytes 0-3 hold the low 6 bits of scales 0-3 and, above them, the top 2 bits of scales 4-7; bytes
// 4-7 the same for the minima; bytes 8-11 the low nibbles of scales 4-7 and minima 4-7.
ScalesAndMinima unpack_q4_k_scales(const Byte* packed) {
  ScalesAndMinima out{};
  for (std::size_t i = 0; i < 4; ++i) {
    out.scale[i] = static_cast<float>(packed[i] & 0x3F);
    out.minimum[i] = static_cast<float>(packed[i + 4] & 0x3F);
    out.scale[i + 4] = static_cast<float>((packed[i + 8] & 0x0F) | ((packed[i] >> 6) << 4));
    out.minimum[i + 4] = static_cast<float>((packed[i + 8] >> 4) | ((packed[i + 4] >> 6) << 4));
  }
  return out;
}

void expand_q4_k(const Byte* block, float* out) {
  const float d = load_half(block);
  const float m = load_half(block + 2);
  const ScalesAndMinima group = unpack_q4_k_scales(block + 4);
  const Byte* quants = block + 16;
  for (std::size_t g = 0; g < 8; ++g) {
    const float scale = d * group.scale[g];
    const float minimum = m * group.minimum[g];
    const Byte* bytes = quants + (g / 2) * 32;
    const int shift = g % 2 == 0 ? 0 : 4;
    for (std::size_t i = 0; i < 32; ++i) {
      out[g * 32 + i] = scale * static_cast<float>((bytes[i] >> shift) & 0x0F) - minimum;
    }
  }
}

void expand_q6_k(const Byte* block, float* out) {
  const float d = load_half(block + 208);
  const Byte* scales = block + 192;
  for (std::size_t half = 0; half < 2; ++half) {
    const Byte* low = block + half * 64;
    const Byte* high = block + 128 + half * 32;
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
      const Byte* nibbles = low + (quarter % 2) * 32;
      const int nibble_shift = quarter < 2 ? 0 : 4;
      const int pair_shift = static_cast<int>(quarter) * 2;
      for (std::size_t i = 0; i < 32; ++i) {
        const std::size_t at = half * 128 + quarter * 32 + i;
        const float scale = d * static_cast<float>(static_cast<std::int8_t>(scales[at / 16]));
        const int q = ((nibbles[i] >> nibble_shift) & 0x0F) | (((high[i] >> pair_shift) & 3) << 4);
        out[at] = scale * static_cast<float>(q - 32);
      }
    }
  }
}

template <typename Expand>
void expand_blocks(const Byte* data, BlockLayout layout, std::span<float> out,
                   const Expand& expand) {
  const std::size_t count = out.size() / layout.elements;
  for (std::size_t i = 0; i < count; ++i) {
    expand(data + i * layout.size_bytes, out.data() + i * layout.elements);
  }
}

}  // namespace

void dequantize(const TensorView& tensor, std::span<float> out) {
  const BlockLayout layout = block_layout(tensor.type);
  TANDEM_CHECK(static_cast<std::uint64_t>(tensor.element_count()) == out.size());
  TANDEM_CHECK(tensor_size_bytes(tensor.type, tensor.shape) == tensor.data.size());
  const Byte* data = reinterpret_cast<const Byte*>(tensor.data.data());
  switch (tensor.type) {
    case DataType::kF32:
      if (!out.empty()) std::memcpy(out.data(), data, out.size_bytes());
      return;
    case DataType::kF16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = load_half(data + 2 * i);
      return;
    case DataType::kBF16:
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::uint32_t bits = load<std::uint16_t>(data + 2 * i);
        out[i] = std::bit_cast<float>(bits << 16);
      }
      return;
    case DataType::kQ4_0:
      return expand_blocks(data, layout, out, expand_q4_0);
    case DataType::kQ4_1:
      return expand_blocks(data, layout, out, expand_q4_1);
    case DataType::kQ5_0:
      return expand_blocks(data, layout, out, expand_q5_0);
    case DataType::kQ8_0:
      return expand_blocks(data, layout, out, expand_q8_0);
    case DataType::kQ4_K:
      return expand_blocks(data, layout, out, expand_q4_k);
    case DataType::kQ6_K:
      return expand_blocks(data, layout, out, expand_q6_k);
    case DataType::kI32:
    case DataType::kI64:
      break;
  }
  throw Error(ErrorCode::kUnsupported,
              fmt::format("tensor {} holds integers ({}), expected numbers with a fraction",
                          tensor.name, to_string(tensor.type)));
}

}  // namespace tandem
