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

// One panel of weights, or two neighbouring ones: what is loaded of the activations serves both.
// Loads are what the products of many rows wait for.
template <std::size_t kPanels>
struct PanelView {
  const std::uint8_t* numbers;  // of the first
  const std::uint8_t* scales;
  std::size_t panel_bytes;  // from one to the next

  const std::uint8_t* numbers_of(std::size_t p) const { return numbers + p * panel_bytes; }
  const std::uint8_t* scales_of(std::size_t p) const { return scales + p * panel_bytes; }
};

// What a kernel adds to: by panel and row of the activations.
template <class Vector, std::size_t kPanels, std::size_t kRows>
using Tile = Vector[kPanels][kRows];

// The products of one group of 32 nibbles with each row of activations, for the lanes from `lane`
// on. The group begins `offset` bytes behind the beginning of its panel; kFifthBits: and the fifth
// bits of its numbers stand behind these.
template <bool kFifthBits, std::size_t kPanels, std::size_t kRows>
HWY_INLINE void add_nibbles(const PanelView<kPanels>& panels, std::size_t offset, std::size_t lane,
                            std::size_t g, const RowView* rows, Tile<Ints, kPanels, kRows>& acc) {
  const Bytes mask = hn::Set(kBytes, 0x0F);
  const hn::Repartition<std::uint16_t, decltype(kBytes)> shorts;
  for (std::size_t c = 0; c < 4; ++c) {
    Bytes low[kPanels];
    Bytes high[kPanels];
    for (std::size_t p = 0; p < kPanels; ++p) {
      const std::uint8_t* const group = panels.numbers_of(p) + offset;
      const Bytes both = hn::LoadU(kBytes, group + 4 * lane + c * 4 * kPanelRows);
      low[p] = hn::And(both, mask);
      high[p] = hn::And(hn::BitCast(kBytes, hn::ShiftRight<4>(hn::BitCast(shorts, both))), mask);
      if constexpr (kFifthBits) {
        const std::uint8_t* const fifths = group + kPanelRows * kGroup / 2 + lane / 2;
        low[p] = add_fifth_bits(low[p], fifths + 2 * c * kPanelRows / 2);
        high[p] = add_fifth_bits(high[p], fifths + (2 * c + 1) * kPanelRows / 2);
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::int8_t* const x = rows[r].values + g * kGroup + c * 8;
      const Ints first = broadcast_bytes(x);
      const Ints second = broadcast_bytes(x + 4);
      for (std::size_t p = 0; p < kPanels; ++p) {
        acc[p][r] = add_products<false>(acc[p][r], low[p], first);
        acc[p][r] = add_products<false>(acc[p][r], high[p], second);
      }
    }
  }
}

// The same of `count` times 4 bytes, that stand for the columns from `column` on.
template <bool kWide, std::size_t kPanels, std::size_t kRows>
HWY_INLINE void add_bytes(const PanelView<kPanels>& panels, std::size_t offset, std::size_t lane,
                          std::size_t count, const RowView* rows, std::size_t column,
                          Tile<Ints, kPanels, kRows>& acc) {
  for (std::size_t c = 0; c < count; ++c) {
    Bytes weights[kPanels];
    for (std::size_t p = 0; p < kPanels; ++p) {
      weights[p] = hn::LoadU(kBytes, panels.numbers_of(p) + offset + 4 * lane + c * 4 * kPanelRows);
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      const Ints x = broadcast_bytes(rows[r].values + column + c * 4);
      for (std::size_t p = 0; p < kPanels; ++p) {
        acc[p][r] = add_products<kWide>(acc[p][r], weights[p], x);
      }
    }
  }
}

// How numbers are stored. products(): those of group `g` into `acc`, for the lanes from `lane` on;
// kZero: the number that stands for 0.
struct FourBits {
  static constexpr std::size_t kGroupBytes = kPanelRows * kGroup / 2;
  static constexpr std::int32_t kZero = 8;

  template <std::size_t kPanels, std::size_t kRows>
  static HWY_INLINE void products(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                                  const RowView* rows, Tile<Ints, kPanels, kRows>& acc) {
    add_nibbles<false, kPanels, kRows>(panels, g * kGroupBytes, lane, g, rows, acc);
  }
};

struct FiveBits {
  static constexpr std::size_t kGroupBytes = kPanelRows * kGroup / 2 + kPanelRows * kGroup / 8;
  static constexpr std::int32_t kZero = 16;

  template <std::size_t kPanels, std::size_t kRows>
  static HWY_INLINE void products(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                                  const RowView* rows, Tile<Ints, kPanels, kRows>& acc) {
    add_nibbles<true, kPanels, kRows>(panels, g * kGroupBytes, lane, g, rows, acc);
  }
};

struct EightBits {
  static constexpr std::size_t kGroupBytes = kPanelRows * kGroup;
  static constexpr std::int32_t kZero = kWideZero;

  template <std::size_t kPanels, std::size_t kRows>
  static HWY_INLINE void products(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                                  const RowView* rows, Tile<Ints, kPanels, kRows>& acc) {
    add_bytes<true, kPanels, kRows>(panels, g * kGroupBytes, lane, 8, rows, g * kGroup, acc);
  }
};

// sums += d * scale * acc, of one panel.
template <std::size_t kRows>
HWY_INLINE void add_scaled(const Ints* acc, Floats d, std::size_t g, const RowView* rows,
                           Floats* sums) {
  for (std::size_t r = 0; r < kRows; ++r) {
    sums[r] = hn::MulAdd(hn::ConvertTo(kFloats, acc[r]),
                         hn::Mul(d, hn::Set(kFloats, rows[r].scales[g])), sums[r]);
  }
}

// One class a format. add(): the products of group `g` into `sums`, for the lanes from `lane` on.
template <class Numbers>
struct Scaled {
  template <std::size_t kPanels, std::size_t kRows>
  static HWY_INLINE void add(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                             const RowView* rows, Tile<Floats, kPanels, kRows>& sums) {
    Tile<Ints, kPanels, kRows> acc;
    for (std::size_t r = 0; r < kRows; ++r) {
      const Ints offset = offset_of<Numbers::kZero>(rows[r], g);
      for (std::size_t p = 0; p < kPanels; ++p) acc[p][r] = offset;
    }
    Numbers::template products<kPanels, kRows>(panels, lane, g, rows, acc);
    for (std::size_t p = 0; p < kPanels; ++p) {
      const Floats d = load_scales(panels.scales_of(p) + 2 * (g * kPanelRows + lane));
      add_scaled<kRows>(acc[p], d, g, rows, sums[p]);
    }
  }
};

// Adds w = d q + m, where Scales::step() gives d of a group and Scales::minimum() m.
template <class Scales, std::size_t kPanels, std::size_t kRows>
HWY_INLINE void add_with_minimum(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                                 const RowView* rows, Tile<Floats, kPanels, kRows>& sums) {
  Tile<Ints, kPanels, kRows> acc;
  for (std::size_t p = 0; p < kPanels; ++p) {
    for (std::size_t r = 0; r < kRows; ++r) acc[p][r] = hn::Zero(kInts);
  }
  FourBits::products<kPanels, kRows>(panels, lane, g, rows, acc);
  for (std::size_t p = 0; p < kPanels; ++p) {
    const Floats d = Scales::step(panels.scales_of(p), lane, g);
    const Floats m = Scales::minimum(panels.scales_of(p), lane, g);
    for (std::size_t r = 0; r < kRows; ++r) {
      sums[p][r] = hn::MulAdd(hn::ConvertTo(kFloats, acc[p][r]),
                              hn::Mul(d, hn::Set(kFloats, rows[r].scales[g])),
                              hn::MulAdd(m, hn::Set(kFloats, rows[r].shifts[g]), sums[p][r]));
    }
  }
}

struct FourMinimum {
  template <std::size_t kPanels, std::size_t kRows>
  static HWY_INLINE void add(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                             const RowView* rows, Tile<Floats, kPanels, kRows>& sums) {
    add_with_minimum<FourMinimum, kPanels, kRows>(panels, lane, g, rows, sums);
  }

  static HWY_INLINE Floats step(const std::uint8_t* scales, std::size_t lane, std::size_t g) {
    return load_scales(scales + 2 * (2 * g * kPanelRows + lane));
  }
  static HWY_INLINE Floats minimum(const std::uint8_t* scales, std::size_t lane, std::size_t g) {
    return load_scales(scales + 2 * ((2 * g + 1) * kPanelRows + lane));
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
  template <std::size_t kPanels, std::size_t kRows>
  static HWY_INLINE void add(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                             const RowView* rows, Tile<Floats, kPanels, kRows>& sums) {
    add_with_minimum<SuperFour, kPanels, kRows>(panels, lane, g, rows, sums);
  }

  static HWY_INLINE Floats step(const std::uint8_t* scales, std::size_t lane, std::size_t g) {
    const std::uint8_t* const super = super_of(scales, g);
    return hn::Mul(load_scales(super + 2 * lane),
                   hn::ConvertTo(kFloats, load_steps(steps_of(super, g) + lane)));
  }
  static HWY_INLINE Floats minimum(const std::uint8_t* scales, std::size_t lane, std::size_t g) {
    const std::uint8_t* const super = super_of(scales, g);
    const Ints steps = load_steps(steps_of(super, g) + kPanelRows + lane);
    return hn::Neg(
        hn::Mul(load_scales(super + 2 * (kPanelRows + lane)), hn::ConvertTo(kFloats, steps)));
  }

 private:
  static HWY_INLINE const std::uint8_t* super_of(const std::uint8_t* scales, std::size_t g) {
    return scales + g / kSuperGroups * kSuperFourScales;
  }
  static HWY_INLINE const std::uint8_t* steps_of(const std::uint8_t* super, std::size_t g) {
    return super + 4 * kPanelRows + g % kSuperGroups * 2 * kPanelRows;
  }
};

struct SuperSix {
  template <std::size_t kPanels, std::size_t kRows>
  static HWY_INLINE void add(const PanelView<kPanels>& panels, std::size_t lane, std::size_t g,
                             const RowView* rows, Tile<Floats, kPanels, kRows>& sums) {
    // Two scales a group: twice the registers, of which two panels would have too few.
    for (std::size_t p = 0; p < kPanels; ++p) {
      const PanelView<1> panel = {panels.numbers_of(p), panels.scales_of(p), panels.panel_bytes};
      add_one<kRows>(panel, lane, g, rows, sums[p]);
    }
  }

 private:
  template <std::size_t kRows>
  static HWY_INLINE void add_one(const PanelView<1>& panel, std::size_t lane, std::size_t g,
                                 const RowView* rows, Floats* sums) {
    Tile<Ints, 1, kRows> first;
    Tile<Ints, 1, kRows> second;
    for (std::size_t r = 0; r < kRows; ++r) {
      first[0][r] = hn::Set(kInts, -32 * rows[r].sums[2 * g]);
      second[0][r] = hn::Set(kInts, -32 * rows[r].sums[2 * g + 1]);
    }
    const std::size_t group = g * EightBits::kGroupBytes;
    add_bytes<false, 1, kRows>(panel, group, lane, 4, rows, g * kGroup, first);
    add_bytes<false, 1, kRows>(panel, group + 16 * kPanelRows, lane, 4, rows, g * kGroup + 16,
                               second);
    const std::uint8_t* const super = panel.scales + g / kSuperGroups * kSuperSixScales;
    const std::uint8_t* const steps =
        super + 2 * kPanelRows + g % kSuperGroups * 2 * kPanelRows + lane;
    const Floats d = load_scales(super + 2 * lane);
    const Ints step = load_signed_steps(steps);
    const Ints next_step = load_signed_steps(steps + kPanelRows);
    for (std::size_t r = 0; r < kRows; ++r) {
      first[0][r] = hn::Add(hn::Mul(first[0][r], step), hn::Mul(second[0][r], next_step));
    }
    add_scaled<kRows>(first[0], d, g, rows, sums);
  }
};

// All panels of `panels` by kPanels of them, which must divide their number.
template <class Kernel, std::size_t kPanels, std::size_t kRows>
HWY_NOINLINE void multiply_rows(const Matrix& weights, Range panels, const RowView* rows,
                                float* out, std::size_t stride) {
  const std::size_t groups = weights.groups();
  const std::size_t group_bytes = weights.panel_bytes() / groups;
  for (std::size_t first = panels.first; first < panels.second; first += kPanels) {
    const auto* const numbers = reinterpret_cast<const std::uint8_t*>(weights.panel(first));
    const PanelView<kPanels> view = {numbers, numbers + weights.scales_offset(),
                                     weights.panel_bytes()};
    for (std::size_t lane = 0; lane < kPanelRows; lane += kLanes) {
      Tile<Floats, kPanels, kRows> sums;
      for (std::size_t p = 0; p < kPanels; ++p) {
        for (std::size_t r = 0; r < kRows; ++r) sums[p][r] = hn::Zero(kFloats);
      }
      for (std::size_t g = 0; g < groups; ++g) {
        if (lane == 0) {
          for (std::size_t p = 0; p < kPanels; ++p) {
            fetch_ahead(view.numbers_of(p) + g * group_bytes, group_bytes);
          }
        }
        Kernel::template add<kPanels, kRows>(view, lane, g, rows, sums);
      }
      for (std::size_t p = 0; p < kPanels; ++p) {
        for (std::size_t r = 0; r < kRows; ++r) {
          store_lanes(sums[p][r], (first + p) * kPanelRows + lane, weights.rows(),
                      out + r * stride + p * kPanelRows + lane);
        }
      }
    }
    out += kPanels * kPanelRows;
  }
}

// Activations that are read again for each panel should stay in the first-level cache beside it.
constexpr std::size_t kRowsPerPass = 32;

// Measured on a Zen 5, 512 rows: two panels with six rows take three quarters of the time of one
// panel with eight. AVX2 has half as many registers.
constexpr std::size_t kPanelsAtOnce = HWY_TARGET == HWY_AVX3_DL ? 2 : 1;
constexpr std::size_t kRowsAtOnce = HWY_TARGET == HWY_AVX3_DL ? 6 : 4;

template <class Kernel>
void multiply_bytes(const Matrix& weights, Range panels, const ActivationRows& x, Range rows,
                    float* out, std::size_t stride) {
  for (std::size_t begin = rows.first; begin < rows.second; begin += kRowsPerPass) {
    const std::size_t count = std::min(kRowsPerPass, rows.second - begin);
    RowView views[kRowsPerPass];
    for (std::size_t r = 0; r < count; ++r) {
      views[r] = {x.values(begin + r), x.scales(begin + r), x.sums(begin + r), x.offsets(begin + r),
                  x.shifts(begin + r)};
    }
    const auto pass = [&](auto panel_count, Range of_panels) {
      constexpr std::size_t kPanels = decltype(panel_count)::value;
      float* const of_pass = out + (of_panels.first - panels.first) * kPanelRows + begin * stride;
      std::size_t row = 0;
      const auto tile = [&](auto size) {
        constexpr std::size_t kRows = decltype(size)::value;
        for (; row + kRows <= count; row += kRows) {
          multiply_rows<Kernel, kPanels, kRows>(weights, of_panels, views + row,
                                                of_pass + row * stride, stride);
        }
      };
      tile(std::integral_constant<std::size_t, kRowsAtOnce>());
      if constexpr (kRowsAtOnce > 4) tile(std::integral_constant<std::size_t, 4>());
      tile(std::integral_constant<std::size_t, 2>());
      tile(std::integral_constant<std::size_t, 1>());
    };
    constexpr std::integral_constant<std::size_t, 1> kOne;
    constexpr std::integral_constant<std::size_t, kPanelsAtOnce> kSeveral;
    if (count == 1) {
      pass(kOne, panels);  // waits for weights alone, which come best one behind another
      continue;
    }
    std::size_t p = panels.first;
    for (; p + kPanelsAtOnce <= panels.second; p += kPanelsAtOnce) {
      pass(kSeveral, Range{p, p + kPanelsAtOnce});
    }
    for (; p < panels.second; ++p) pass(kOne, Range{p, p + 1});
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
