#include "model/kernels/multiply.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/multiply_bytes.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "model/kernels/byte_products-inl.h"
#include "model/kernels/panels-inl.h"

HWY_BEFORE_NAMESPACE();
#if HWY_TARGET == HWY_AVX3_DL
// As in byte_products-inl.h.
#pragma GCC target("avx512vnni")
#endif
namespace tandem::kernels::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

void MultiplyBytes(const Matrix& weights, Range panels, const ActivationRows& x, Range rows,
                   float* out, std::size_t stride) {
  multiply_expanded(weights, panels, rows, out, stride, [&](std::size_t row, std::size_t k) {
    return x.scales(row)[k / kGroup] * static_cast<float>(x.values(row)[k]);
  });
}

#else

constexpr hn::Rebind<std::uint8_t, decltype(kInts)> kNarrow;

// Scales stand behind the bytes of their panel.
HWY_INLINE Floats load_scales(const std::uint8_t* from) {
  return load_halves(reinterpret_cast<const std::uint16_t*>(from));
}

// What a kernel reads for one row of activations.
struct RowView {
  const std::int8_t* values;
  const float* scales;
  const std::int32_t* sums;
  const std::int32_t* offsets;
  const float* shifts;
};

// -kZero times the sum over a group, in all lanes.
template <std::int32_t kZero>
HWY_INLINE Ints offset_of(const RowView& row, std::size_t g) {
  if constexpr (kZero == 0) return hn::Zero(kInts);
  const Ints eight = hn::Set(kInts, row.offsets[g]);
  if constexpr (kZero == 16) return hn::ShiftLeft<1>(eight);
  if constexpr (kZero == 128) return hn::ShiftLeft<4>(eight);
  return eight;
}

// `numbers` + 16 where the bit for the byte is set.
HWY_INLINE Bytes add_fifth_bits(Bytes numbers, const std::uint8_t* bits) {
  // AVX2 has 32 bytes in a register, which the bits of 4 bytes belong to.
  const auto set = hn::LoadMaskBits(kBytes, bits);
  return hn::Or(numbers, hn::IfThenElseZero(set, hn::Set(kBytes, 16)));
}

// The products of one group of 32 nibbles with each row of activations; kFifthBits: of numbers
// whose fifth bits are at `fifths`.
template <std::size_t kRows, bool kFifthBits = false>
HWY_INLINE void add_nibbles(const std::uint8_t* numbers, const RowView* rows, std::size_t g,
                            Ints* acc, const std::uint8_t* fifths = nullptr) {
  const Bytes mask = hn::Set(kBytes, 0x0F);
  const hn::Repartition<std::uint16_t, decltype(kBytes)> shorts;
  for (std::size_t c = 0; c < 4; ++c) {
    const Bytes both = hn::LoadU(kBytes, numbers + c * 4 * kPanelRows);
    Bytes low = hn::And(both, mask);
    Bytes high = hn::And(hn::BitCast(kBytes, hn::ShiftRight<4>(hn::BitCast(shorts, both))), mask);
    if constexpr (kFifthBits) {
      low = add_fifth_bits(low, fifths + 2 * c * kPanelRows / 2);
      high = add_fifth_bits(high, fifths + (2 * c + 1) * kPanelRows / 2);
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::int8_t* const x = rows[r].values + g * kGroup + c * 8;
      acc[r] = add_products<false>(acc[r], low, broadcast_bytes(x));
      acc[r] = add_products<false>(acc[r], high, broadcast_bytes(x + 4));
    }
  }
}

template <bool kWide, std::size_t kRows>
HWY_INLINE void add_bytes(const std::uint8_t* numbers, std::size_t count, const RowView* rows,
                          std::size_t column, Ints* acc) {
  for (std::size_t c = 0; c < count; ++c) {
    const Bytes weights = hn::LoadU(kBytes, numbers + c * 4 * kPanelRows);
    for (std::size_t r = 0; r < kRows; ++r)
      acc[r] =
          add_products<kWide>(acc[r], weights, broadcast_bytes(rows[r].values + column + c * 4));
  }
}

// How numbers are stored. products(): those of group `g` into `acc`, for the lanes from `lane` on;
// kZero: the number that stands for 0.
struct FourBits {
  static constexpr std::size_t kGroupBytes = kPanelRows * kGroup / 2;
  static constexpr std::int32_t kZero = 8;

  template <std::size_t kRows>
  static HWY_INLINE void products(const std::uint8_t* group, std::size_t lane, std::size_t g,
                                  const RowView* rows, Ints* acc) {
    add_nibbles<kRows>(group + 4 * lane, rows, g, acc);
  }
};

struct FiveBits {
  static constexpr std::size_t kGroupBytes = kPanelRows * kGroup / 2 + kPanelRows * kGroup / 8;
  static constexpr std::int32_t kZero = 16;

  template <std::size_t kRows>
  static HWY_INLINE void products(const std::uint8_t* group, std::size_t lane, std::size_t g,
                                  const RowView* rows, Ints* acc) {
    add_nibbles<kRows, true>(group + 4 * lane, rows, g, acc,
                             group + kPanelRows * kGroup / 2 + lane / 2);
  }
};

struct EightBits {
  static constexpr std::size_t kGroupBytes = kPanelRows * kGroup;
  static constexpr std::int32_t kZero = kWideZero;

  template <std::size_t kRows>
  static HWY_INLINE void products(const std::uint8_t* group, std::size_t lane, std::size_t g,
                                  const RowView* rows, Ints* acc) {
    add_bytes<true, kRows>(group + 4 * lane, 8, rows, g * kGroup, acc);
  }
};

// One class a format. add(): the products of group `g` into `sums`, for the lanes from `lane` on.
template <class Numbers>
struct Scaled {
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::uint8_t* numbers, const std::uint8_t* scales,
                             std::size_t lane, std::size_t g, const RowView* rows, Floats* sums) {
    Ints acc[kRows];
    for (std::size_t r = 0; r < kRows; ++r) acc[r] = offset_of<Numbers::kZero>(rows[r], g);
    Numbers::template products<kRows>(numbers + g * Numbers::kGroupBytes, lane, g, rows, acc);
    const Floats d = load_scales(scales + 2 * (g * kPanelRows + lane));
    for (std::size_t r = 0; r < kRows; ++r)
      sums[r] = hn::MulAdd(hn::ConvertTo(kFloats, acc[r]),
                           hn::Mul(d, hn::Set(kFloats, rows[r].scales[g])), sums[r]);
  }
};

// Adds w = d q + m.
template <std::size_t kRows>
HWY_INLINE void add_with_minimum(const std::uint8_t* numbers, Floats d, Floats m, std::size_t lane,
                                 std::size_t g, const RowView* rows, Floats* sums) {
  Ints acc[kRows];
  for (std::size_t r = 0; r < kRows; ++r) acc[r] = hn::Zero(kInts);
  FourBits::products<kRows>(numbers + g * FourBits::kGroupBytes, lane, g, rows, acc);
  for (std::size_t r = 0; r < kRows; ++r) {
    const Floats scale = hn::Set(kFloats, rows[r].scales[g]);
    sums[r] = hn::MulAdd(hn::ConvertTo(kFloats, acc[r]), hn::Mul(d, scale),
                         hn::MulAdd(m, hn::Set(kFloats, rows[r].shifts[g]), sums[r]));
  }
}

struct FourMinimum {
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::uint8_t* numbers, const std::uint8_t* scales,
                             std::size_t lane, std::size_t g, const RowView* rows, Floats* sums) {
    const Floats d = load_scales(scales + 2 * (2 * g * kPanelRows + lane));
    const Floats m = load_scales(scales + 2 * ((2 * g + 1) * kPanelRows + lane));
    add_with_minimum<kRows>(numbers, d, m, lane, g, rows, sums);
  }
};

HWY_INLINE Ints load_steps(const std::uint8_t* from) {
  return hn::PromoteTo(kInts, hn::LoadU(kNarrow, from));
}
HWY_INLINE Ints load_signed_steps(const std::uint8_t* from) {
  const hn::Rebind<std::int8_t, decltype(kInts)> narrow;
  return hn::PromoteTo(kInts, hn::LoadU(narrow, reinterpret_cast<const std::int8_t*>(from)));
}

struct SuperFour {
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::uint8_t* numbers, const std::uint8_t* scales,
                             std::size_t lane, std::size_t g, const RowView* rows, Floats* sums) {
    const std::uint8_t* const super = scales + g / kSuperGroups * kSuperFourScales;
    const std::uint8_t* const steps =
        super + 4 * kPanelRows + g % kSuperGroups * 2 * kPanelRows + lane;
    const Floats d =
        hn::Mul(load_scales(super + 2 * lane), hn::ConvertTo(kFloats, load_steps(steps)));
    const Floats m = hn::Mul(load_scales(super + 2 * (kPanelRows + lane)),
                             hn::ConvertTo(kFloats, load_steps(steps + kPanelRows)));
    add_with_minimum<kRows>(numbers, d, hn::Neg(m), lane, g, rows, sums);
  }
};

struct SuperSix {
  template <std::size_t kRows>
  static HWY_INLINE void add(const std::uint8_t* numbers, const std::uint8_t* scales,
                             std::size_t lane, std::size_t g, const RowView* rows, Floats* sums) {
    Ints first[kRows];
    Ints second[kRows];
    for (std::size_t r = 0; r < kRows; ++r) {
      first[r] = hn::Set(kInts, -32 * rows[r].sums[2 * g]);
      second[r] = hn::Set(kInts, -32 * rows[r].sums[2 * g + 1]);
    }
    const std::uint8_t* const group = numbers + g * EightBits::kGroupBytes + 4 * lane;
    add_bytes<false, kRows>(group, 4, rows, g * kGroup, first);
    add_bytes<false, kRows>(group + 16 * kPanelRows, 4, rows, g * kGroup + 16, second);
    const std::uint8_t* const super = scales + g / kSuperGroups * kSuperSixScales;
    const std::uint8_t* const steps =
        super + 2 * kPanelRows + g % kSuperGroups * 2 * kPanelRows + lane;
    const Floats d = load_scales(super + 2 * lane);
    const Ints step = load_signed_steps(steps);
    const Ints next_step = load_signed_steps(steps + kPanelRows);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Ints total = hn::Add(hn::Mul(first[r], step), hn::Mul(second[r], next_step));
      sums[r] = hn::MulAdd(hn::ConvertTo(kFloats, total),
                           hn::Mul(d, hn::Set(kFloats, rows[r].scales[g])), sums[r]);
    }
  }
};

template <class Kernel, std::size_t kRows>
void multiply_rows(const Matrix& weights, Range panels, const RowView* rows, float* out,
                   std::size_t stride) {
  const std::size_t groups = weights.groups();
  const std::size_t group_bytes = weights.panel_bytes() / groups;
  for (std::size_t p = panels.first; p < panels.second; ++p, out += kPanelRows) {
    const auto* const numbers = reinterpret_cast<const std::uint8_t*>(weights.panel(p));
    const std::uint8_t* const scales = numbers + weights.scales_offset();
    for (std::size_t lane = 0; lane < kPanelRows; lane += kLanes) {
      Floats sums[kRows];
      for (std::size_t r = 0; r < kRows; ++r) sums[r] = hn::Zero(kFloats);
      for (std::size_t g = 0; g < groups; ++g) {
        if (lane == 0) fetch_ahead(numbers + g * group_bytes, group_bytes);
        Kernel::template add<kRows>(numbers, scales, lane, g, rows, sums);
      }
      for (std::size_t r = 0; r < kRows; ++r)
        store_lanes(sums[r], p * kPanelRows + lane, weights.rows(), out + r * stride + lane);
    }
  }
}

// Activations that are read again for each panel should stay in the first-level cache beside it.
constexpr std::size_t kRowsPerPass = 32;

template <class Kernel>
void multiply_bytes(const Matrix& weights, Range panels, const ActivationRows& x, Range rows,
                    float* out, std::size_t stride) {
  for (std::size_t begin = rows.first; begin < rows.second; begin += kRowsPerPass) {
    const std::size_t count = std::min(kRowsPerPass, rows.second - begin);
    RowView views[kRowsPerPass];
    for (std::size_t r = 0; r < count; ++r)
      views[r] = {x.values(begin + r), x.scales(begin + r), x.sums(begin + r), x.offsets(begin + r),
                  x.shifts(begin + r)};
    const auto pass = [&](Range of_panels) {
      float* const of_pass = out + (of_panels.first - panels.first) * kPanelRows + begin * stride;
      std::size_t row = 0;
      const auto tile = [&](auto size) {
        constexpr std::size_t kRows = decltype(size)::value;
        for (; row + kRows <= count; row += kRows)
          multiply_rows<Kernel, kRows>(weights, of_panels, views + row, of_pass + row * stride,
                                       stride);
      };
      if constexpr (HWY_TARGET == HWY_AVX3_DL) tile(std::integral_constant<std::size_t, 8>());
      tile(std::integral_constant<std::size_t, 4>());
      tile(std::integral_constant<std::size_t, 2>());
      tile(std::integral_constant<std::size_t, 1>());
    };
    if (count == 1) {
      pass(panels);
    } else {
      for (std::size_t p = panels.first; p < panels.second; ++p) pass({p, p + 1});
    }
  }
}

void MultiplyBytes(const Matrix& weights, Range panels, const ActivationRows& x, Range rows,
                   float* out, std::size_t stride) {
  switch (weights.format()) {
    case Format::kFour:
      return multiply_bytes<Scaled<FourBits> >(weights, panels, x, rows, out, stride);
    case Format::kFourMinimum:
      return multiply_bytes<FourMinimum>(weights, panels, x, rows, out, stride);
    case Format::kFive:
      return multiply_bytes<Scaled<FiveBits> >(weights, panels, x, rows, out, stride);
    case Format::kEight:
      return multiply_bytes<Scaled<EightBits> >(weights, panels, x, rows, out, stride);
    case Format::kSuperFour:
      return multiply_bytes<SuperFour>(weights, panels, x, rows, out, stride);
    case Format::kSuperSix:
      return multiply_bytes<SuperSix>(weights, panels, x, rows, out, stride);
    default:
      break;
  }
}

#endif  // HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(MultiplyBytes);

void multiply(const Matrix& weights, Range panels, const ActivationRows& x, Range rows, float* out,
              std::size_t stride) {
  TANDEM_CHECK(weights.takes_bytes() && weights.columns() == x.columns());
  HWY_DYNAMIC_DISPATCH(MultiplyBytes)(weights, panels, x, rows, out, stride);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
