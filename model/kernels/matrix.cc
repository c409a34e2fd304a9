#include "model/kernels/matrix.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "model/ggml_blocks.h"

namespace tandem::kernels {
namespace {

using Byte = std::uint8_t;

constexpr std::size_t kAlignment = 64;

std::size_t round_up(std::size_t value, std::size_t to) {
  return (value + to - 1) / to * to;
}

Format format_of(const TensorView& tensor) {
  switch (tensor.type) {
    case DataType::kF32:
      return Format::kFloat;
    case DataType::kF16:
      return Format::kHalf;
    case DataType::kBF16:
      return Format::kBrain;
    case DataType::kQ4_0:
      return Format::kFour;
    case DataType::kQ4_1:
      return Format::kFourMinimum;
    case DataType::kQ5_0:
      return Format::kFive;
    case DataType::kQ8_0:
      return Format::kEight;
    case DataType::kQ4_K:
      return Format::kSuperFour;
    case DataType::kQ6_K:
      return Format::kSuperSix;
    default:
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("tensor {} holds integers, not weights", tensor.name),
                  "fetch the model again");
  }
}

// Bytes of the numbers of one group, 16 rows.
std::size_t quant_bytes(Format format) {
  switch (format) {
    case Format::kFour:
    case Format::kFourMinimum:
    case Format::kSuperFour:
      return kPanelRows * kGroup / 2;
    case Format::kFive:
      return kPanelRows * kGroup / 2 + kPanelRows * kGroup / 8;
    case Format::kEight:
    case Format::kSuperSix:
      return kPanelRows * kGroup;
    case Format::kHalf:
    case Format::kBrain:
      return kPanelRows * kGroup * 2;
    case Format::kFloat:
      return kPanelRows * kGroup * 4;
  }
  return 0;
}

// Bytes of the scales of a whole panel.
std::size_t scale_bytes(Format format, std::size_t groups) {
  const std::size_t halves = kPanelRows * sizeof(std::uint16_t);
  switch (format) {
    case Format::kFour:
    case Format::kFive:
    case Format::kEight:
      return groups * halves;
    case Format::kFourMinimum:
      return groups * 2 * halves;
    case Format::kSuperFour:
      return groups / kSuperGroups * kSuperFourScales;
    case Format::kSuperSix:
      return groups / kSuperGroups * kSuperSixScales;
    default:
      return 0;
  }
}

// Where the nibble or byte of a column stands in a group, counted in bytes; the column's row adds 4
// for each lane.
std::size_t nibble_offset(std::size_t column) {
  return column / 8 * (4 * kPanelRows) + column % 4;
}
std::size_t byte_offset(std::size_t column) {
  return column / 4 * (4 * kPanelRows) + column % 4;
}

// Puts 32 numbers of row `lane` into a group.
void put_nibbles(Byte* group, std::size_t lane, const std::array<Byte, kGroup>& numbers) {
  for (std::size_t k = 0; k < kGroup; ++k) {
    const Byte shifted = static_cast<Byte>(k % 8 < 4 ? numbers[k] : numbers[k] << 4);
    group[nibble_offset(k) + 4 * lane] =
        static_cast<Byte>(group[nibble_offset(k) + 4 * lane] | shifted);
  }
}
void put_bytes(Byte* group, std::size_t lane, const std::array<Byte, kGroup>& numbers) {
  for (std::size_t k = 0; k < kGroup; ++k) group[byte_offset(k) + 4 * lane] = numbers[k];
}

// `bits`: one of each column, 8 columns a byte.
void put_fifth_bits(Byte* group, std::size_t lane, const Byte* bits) {
  Byte* const plane = group + kPanelRows * kGroup / 2;
  for (std::size_t k = 0; k < kGroup; ++k) {
    const std::size_t at = byte_offset(k) + 4 * lane;
    const int bit = bits[k / 8] >> (k % 8) & 1;
    plane[at / 8] = static_cast<Byte>(plane[at / 8] | bit << (at % 8));
  }
}

void put_half(Byte* scales, std::size_t index, std::uint16_t half) {
  std::memcpy(scales + 2 * index, &half, sizeof half);
}

bool finite_half(std::uint16_t half) {
  return (half & 0x7C00u) != 0x7C00u;
}

class Packer {
 public:
  Packer(const TensorView& tensor, Format format, std::size_t groups)
      : tensor_(tensor), format_(format), groups_(groups) {}

  // Row `row` of the tensor into lane `lane` of a panel.
  void pack_row(std::size_t row, std::size_t lane, Byte* numbers, Byte* scales) const {
    const std::size_t row_bytes = tensor_.data.size() / static_cast<std::size_t>(tensor_.shape[0]);
    const auto* const from = reinterpret_cast<const Byte*>(tensor_.data.data()) + row * row_bytes;
    switch (format_) {
      case Format::kFour:
      case Format::kFourMinimum:
      case Format::kFive:
      case Format::kEight:
        return pack_blocks(from, lane, numbers, scales);
      case Format::kSuperFour:
        return pack_super_four(from, lane, numbers, scales);
      case Format::kSuperSix:
        return pack_super_six(from, lane, numbers, scales);
      case Format::kHalf:
      case Format::kBrain:
        return pack_plain<std::uint16_t>(from, lane, numbers);
      case Format::kFloat:
        return pack_plain<std::uint32_t>(from, lane, numbers);
    }
  }

 private:
  void require_finite(bool finite) const {
    if (!finite)
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("tensor {} holds a value that is not finite", tensor_.name),
                  "fetch the model again");
  }

  void pack_blocks(const Byte* from, std::size_t lane, Byte* numbers, Byte* scales) const {
    const bool with_minimum = format_ == Format::kFourMinimum;
    const std::size_t halves = with_minimum ? 2 : 1;
    std::array<Byte, kGroup> group;
    for (std::size_t g = 0; g < groups_; ++g) {
      for (std::size_t i = 0; i < halves; ++i) {
        std::uint16_t half;
        std::memcpy(&half, from + 2 * i, sizeof half);
        require_finite(finite_half(half));
        put_half(scales, (g * halves + i) * kPanelRows + lane, half);
      }
      from += 2 * halves;
      if (format_ == Format::kEight) {
        for (std::size_t k = 0; k < kGroup; ++k) group[k] = static_cast<Byte>(from[k] ^ 0x80u);
        put_bytes(numbers + g * quant_bytes(format_), lane, group);
        from += kGroup;
      } else {
        if (format_ == Format::kFive) {
          put_fifth_bits(numbers + g * quant_bytes(format_), lane, from);
          from += kGroup / 8;
        }
        for (std::size_t k = 0; k < kGroup / 2; ++k) {
          group[k] = from[k] & 0x0F;
          group[k + kGroup / 2] = from[k] >> 4;
        }
        put_nibbles(numbers + g * quant_bytes(format_), lane, group);
        from += kGroup / 2;
      }
    }
  }

  void pack_super_four(const Byte* from, std::size_t lane, Byte* numbers, Byte* scales) const {
    for (std::size_t super = 0; super < groups_ / kSuperGroups; ++super) {
      const BlockQ4K block = BlockQ4K::read(from);
      require_finite(finite_half(block.scale) && finite_half(block.minimum));
      put_half(scales, lane, block.scale);
      put_half(scales, kPanelRows + lane, block.minimum);
      for (std::size_t g = 0; g < kSuperGroups; ++g) {
        Byte* const steps = scales + 4 * kPanelRows + g * 2 * kPanelRows;
        steps[lane] = block.scales[g];
        steps[kPanelRows + lane] = block.minima[g];
        put_nibbles(numbers, lane, block.group(g));
        numbers += quant_bytes(format_);
      }
      from += BlockQ4K::kBytes;
      scales += kSuperFourScales;
    }
  }

  void pack_super_six(const Byte* from, std::size_t lane, Byte* numbers, Byte* scales) const {
    for (std::size_t super = 0; super < groups_ / kSuperGroups; ++super) {
      const BlockQ6K block = BlockQ6K::read(from);
      require_finite(finite_half(block.scale));
      put_half(scales, lane, block.scale);
      for (std::size_t g = 0; g < kSuperGroups; ++g) {
        Byte* const steps = scales + 2 * kPanelRows + g * 2 * kPanelRows;
        steps[lane] = static_cast<Byte>(block.scales[2 * g]);
        steps[kPanelRows + lane] = static_cast<Byte>(block.scales[2 * g + 1]);
        put_bytes(numbers, lane, block.group(g));
        numbers += quant_bytes(format_);
      }
      from += BlockQ6K::kBytes;
      scales += kSuperSixScales;
    }
  }

  template <typename Word>
  void pack_plain(const Byte* from, std::size_t lane, Byte* numbers) const {
    // All ones in the exponent: infinity or NaN.
    const std::uint32_t exponent = format_ == Format::kFloat   ? 0x7F800000u
                                   : format_ == Format::kBrain ? 0x7F80u
                                                               : 0x7C00u;
    const auto columns = static_cast<std::size_t>(tensor_.shape[1]);
    for (std::size_t k = 0; k < columns; ++k) {
      Word word;
      std::memcpy(&word, from + k * sizeof word, sizeof word);
      require_finite((word & exponent) != exponent);
      std::memcpy(numbers + (k * kPanelRows + lane) * sizeof word, &word, sizeof word);
    }
  }

  const TensorView& tensor_;
  Format format_;
  std::size_t groups_;
};

}  // namespace

Matrix::Matrix(const TensorView& tensor, PageArena& arena) : format_(format_of(tensor)) {
  TANDEM_CHECK(tensor.shape.size() == 2);
  rows_ = static_cast<std::size_t>(tensor.shape[0]);
  columns_ = static_cast<std::size_t>(tensor.shape[1]);
  scales_offset_ = round_up(groups() * quant_bytes(format_), kAlignment);
  panel_bytes_ = scales_offset_ + round_up(scale_bytes(format_, groups()), kAlignment);
  std::byte* const bytes = arena.take(panels() * panel_bytes_);
  bytes_ = bytes;
  const Packer packer(tensor, format_, groups());
  for (std::size_t row = 0; row < rows_; ++row) {
    auto* const to = reinterpret_cast<Byte*>(bytes) + row / kPanelRows * panel_bytes_;
    packer.pack_row(row, row % kPanelRows, to, to + scales_offset_);
  }
}

void Matrix::expand_row(std::size_t row, std::span<float> out) const {
  TANDEM_CHECK(row < rows_ && out.size() == columns_);
  const std::size_t lane = row % kPanelRows;
  const auto* const numbers = reinterpret_cast<const Byte*>(panel(row / kPanelRows));
  const Byte* const scales = numbers + scales_offset_;
  const auto half_at = [&](std::size_t offset_bytes) {
    std::uint16_t half;
    std::memcpy(&half, scales + offset_bytes, sizeof half);
    return half_to_float(half);
  };
  for (std::size_t k = 0; k < columns_; ++k) {
    const std::size_t g = k / kGroup;
    const std::size_t super = g / kSuperGroups;
    const std::size_t in_super = g % kSuperGroups;
    const Byte* const group = numbers + g * quant_bytes(format_);
    const std::size_t column = k % kGroup;
    const auto nibble = [&] {
      const Byte both = group[nibble_offset(column) + 4 * lane];
      return static_cast<float>(column % 8 < 4 ? both & 0x0F : both >> 4);
    };
    const auto byte = [&] { return static_cast<float>(group[byte_offset(column) + 4 * lane]); };
    switch (format_) {
      case Format::kFour:
        out[k] = half_at(2 * (g * kPanelRows + lane)) * (nibble() - 8);
        break;
      case Format::kFourMinimum:
        out[k] = half_at(2 * (2 * g * kPanelRows + lane)) * nibble() +
                 half_at(2 * ((2 * g + 1) * kPanelRows + lane));
        break;
      case Format::kFive: {
        const std::size_t at = byte_offset(column) + 4 * lane;
        const int fifth = group[kPanelRows * kGroup / 2 + at / 8] >> (at % 8) & 1;
        out[k] =
            half_at(2 * (g * kPanelRows + lane)) * (nibble() + static_cast<float>(16 * fifth) - 16);
        break;
      }
      case Format::kEight:
        out[k] = half_at(2 * (g * kPanelRows + lane)) * (byte() - 128);
        break;
      case Format::kSuperFour: {
        const std::size_t at = super * kSuperFourScales;
        const Byte* const steps = scales + at + 4 * kPanelRows + in_super * 2 * kPanelRows;
        out[k] =
            half_at(at + 2 * lane) * static_cast<float>(steps[lane]) * nibble() -
            half_at(at + 2 * (kPanelRows + lane)) * static_cast<float>(steps[kPanelRows + lane]);
        break;
      }
      case Format::kSuperSix: {
        const std::size_t at = super * kSuperSixScales;
        const auto step =
            static_cast<std::int8_t>(scales[at + 2 * kPanelRows + in_super * 2 * kPanelRows +
                                            column / 16 * kPanelRows + lane]);
        out[k] = half_at(at + 2 * lane) * static_cast<float>(step) * (byte() - 32);
        break;
      }
      case Format::kHalf:
      case Format::kBrain: {
        std::uint16_t word;
        std::memcpy(&word, numbers + (k * kPanelRows + lane) * sizeof word, sizeof word);
        out[k] = format_ == Format::kHalf
                     ? half_to_float(word)
                     : std::bit_cast<float>(static_cast<std::uint32_t>(word) << 16);
        break;
      }
      case Format::kFloat:
        std::memcpy(&out[k], numbers + (k * kPanelRows + lane) * sizeof(float), sizeof(float));
        break;
    }
  }
}

}  // namespace tandem::kernels
