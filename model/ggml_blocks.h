// The quantised blocks of GGML (ggml-common.h in llama.cpp), as they lie in a GGUF; all integers
// little-endian, d and m are F16.
//
//   Q4_0  d, 16 bytes: element i in the low nibble of byte i, i + 16 in the high; value d * (q - 8)
//   Q4_1  d, m, 16 bytes in the same order; value d * q + m
//   Q5_0  d, 4 bytes: bit i is the fifth of element i, 16 bytes as in Q4_0; value d * (q - 16)
//   Q8_0  d, 32 signed bytes; value d * q
//   Q4_K  d, m, 12 bytes of 8 scales and 8 minima of 6 bits each, 128 bytes: per 64 elements 32
//         bytes, low nibbles first; value (d * scale) * q - m * minimum
//   Q6_K  128 bytes of low nibbles, 64 bytes of high pairs of bits, 16 signed scales, d;
//         value (d * scale) * (q - 32)
#ifndef TANDEM_MODEL_GGML_BLOCKS_H_
#define TANDEM_MODEL_GGML_BLOCKS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tandem {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

// Written without branches on the data so that the compiler can vectorise the loop around it.
inline float half_to_float(std::uint16_t half) {
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

// To the nearest, ties to even; beyond the largest half it is infinity. NaN stays one.
inline std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits & 0x80000000u) >> 16);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  std::uint32_t half;
  if (magnitude >= 0x7F800000u) {
    half = magnitude > 0x7F800000u ? 0x7E00u : 0x7C00u;
  } else if (magnitude >= 0x477FF000u) {
    half = 0x7C00u;
  } else if (magnitude < 0x38800000u) {
    // A subnormal counts 2^-24, which is what the last bit of a float from 0.5 to 1 counts.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u;
  } else {
    half = (magnitude - (112u << 23) + 0x0FFFu + (magnitude >> 13 & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

inline std::uint16_t load_u16(const std::uint8_t* bytes) {
  std::uint16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// 256 elements in 8 groups of 32.
struct BlockQ4K {
  static constexpr std::size_t kBytes = 144;

  std::uint16_t scale;    // d, as its half
  std::uint16_t minimum;  // m
  std::array<std::uint8_t, 8> scales;
  std::array<std::uint8_t, 8> minima;
  const std::uint8_t* quants;  // in the block that was read

  // Bytes 0-3 of the packed twelve hold the low 6 bits of scales 0-3 and, above them, the top 2
  // bits of scales 4-7; bytes 4-7 the same for the minima; bytes 8-11 the low nibbles of scales 4-7
  // and minima 4-7.
  static BlockQ4K read(const std::uint8_t* bytes) {
    BlockQ4K block{load_u16(bytes), load_u16(bytes + 2), {}, {}, bytes + 16};
    const std::uint8_t* const packed = bytes + 4;
    for (std::size_t i = 0; i < 4; ++i) {
      block.scales[i] = packed[i] & 0x3F;
      block.minima[i] = packed[i + 4] & 0x3F;
      block.scales[i + 4] =
          static_cast<std::uint8_t>((packed[i + 8] & 0x0F) | ((packed[i] >> 6) << 4));
      block.minima[i + 4] =
          static_cast<std::uint8_t>((packed[i + 8] >> 4) | ((packed[i + 4] >> 6) << 4));
    }
    return block;
  }

  // The numbers q of group `index`.
  std::array<std::uint8_t, 32> group(std::size_t index) const {
    std::array<std::uint8_t, 32> numbers;
    const std::uint8_t* const bytes = quants + index / 2 * 32;
    const int shift = index % 2 == 0 ? 0 : 4;
    for (std::size_t i = 0; i < 32; ++i)
      numbers[i] = static_cast<std::uint8_t>((bytes[i] >> shift) & 0x0F);
    return numbers;
  }
};

// 256 elements in 8 groups of 32, with a scale for every 16.
struct BlockQ6K {
  static constexpr std::size_t kBytes = 210;

  std::uint16_t scale;  // d, as its half
  std::array<std::int8_t, 16> scales;
  const std::uint8_t* bytes;  // the block that was read

  static BlockQ6K read(const std::uint8_t* bytes) {
    BlockQ6K block{load_u16(bytes + 208), {}, bytes};
    std::memcpy(block.scales.data(), bytes + 192, block.scales.size());
    return block;
  }

  // The numbers q of group `index`, 0 to 63.
  std::array<std::uint8_t, 32> group(std::size_t index) const {
    std::array<std::uint8_t, 32> numbers;
    const std::size_t half = index / 4;
    const std::size_t quarter = index % 4;
    const std::uint8_t* const low = bytes + half * 64 + quarter % 2 * 32;
    const std::uint8_t* const high = bytes + 128 + half * 32;
    const int nibble_shift = quarter < 2 ? 0 : 4;
    const int pair_shift = static_cast<int>(quarter) * 2;
    for (std::size_t i = 0; i < 32; ++i)
      numbers[i] = static_cast<std::uint8_t>(((low[i] >> nibble_shift) & 0x0F) |
                                             (((high[i] >> pair_shift) & 3) << 4));
    return numbers;
  }
};

}  // namespace tandem

#endif  // TANDEM_MODEL_GGML_BLOCKS_H_
