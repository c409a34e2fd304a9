#include "model/kernels/multiply.h"

#include <cstddef>
#include <cstdint>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/multiply_floats.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "model/kernels/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

void MultiplyFloats(const Matrix& weights, Range panels, const float* x, std::size_t x_stride,
                    Range rows, float* out, std::size_t stride) {
  multiply_expanded(weights, panels, rows, out, stride,
                    [&](std::size_t row, std::size_t k) { return x[row * x_stride + k]; });
}

#else

struct Half {
  static HWY_INLINE Floats load(const std::byte* from) {
    return load_halves(reinterpret_cast<const std::uint16_t*>(from));
  }
  static constexpr std::size_t kSize = 2;
};
struct Brain {
  static HWY_INLINE Floats load(const std::byte* from) {
    const hn::Rebind<std::uint16_t, decltype(kFloats)> shorts;
    const auto bits = hn::LoadU(shorts, reinterpret_cast<const std::uint16_t*>(from));
    const hn::RebindToUnsigned<decltype(kFloats)> words;
    return hn::BitCast(kFloats, hn::ShiftLeft<16>(hn::PromoteTo(words, bits)));
  }
  static constexpr std::size_t kSize = 2;
};
struct Float {
  static HWY_INLINE Floats load(const std::byte* from) {
    return hn::LoadU(kFloats, reinterpret_cast<const float*>(from));
  }
  static constexpr std::size_t kSize = 4;
};

template <class Weight, std::size_t kRows>
HWY_INLINE void multiply_float_rows(const Matrix& weights, std::size_t panel, const float* x,
                                    std::size_t x_stride, float* out, std::size_t stride) {
  const std::byte* const numbers = weights.panel(panel);
  const std::size_t columns = weights.columns();
  const auto add = [&](std::size_t k, std::size_t lane, Floats* sums) {
    const Floats w = Weight::load(numbers + (k * kPanelRows + lane) * Weight::kSize);
    for (std::size_t r = 0; r < kRows; ++r)
      sums[r] = hn::MulAdd(w, hn::Set(kFloats, x[r * x_stride + k]), sums[r]);
  };
  for (std::size_t lane = 0; lane < kPanelRows; lane += kLanes) {
    Floats even[kRows];
    Floats odd[kRows];
    for (std::size_t r = 0; r < kRows; ++r) even[r] = odd[r] = hn::Zero(kFloats);
    constexpr std::size_t kPairBytes = 2 * kPanelRows * Weight::kSize;
    std::size_t k = 0;
    for (; k + 2 <= columns; k += 2) {
      if (lane == 0) fetch_ahead(numbers + k / 2 * kPairBytes, kPairBytes);
      add(k, lane, even);
      add(k + 1, lane, odd);
    }
    if (k < columns) add(k, lane, even);
    for (std::size_t r = 0; r < kRows; ++r)
      store_lanes(hn::Add(even[r], odd[r]), panel * kPanelRows + lane, weights.rows(),
                  out + r * stride + lane);
  }
}

template <class Weight>
void multiply_floats(const Matrix& weights, Range panels, const float* x, std::size_t x_stride,
                     Range rows, float* out, std::size_t stride) {
  for (std::size_t p = panels.first; p < panels.second; ++p, out += kPanelRows) {
    std::size_t row = rows.first;
    for (; row + 4 <= rows.second; row += 4)
      multiply_float_rows<Weight, 4>(weights, p, x + row * x_stride, x_stride, out + row * stride,
                                     stride);
    for (; row < rows.second; ++row)
      multiply_float_rows<Weight, 1>(weights, p, x + row * x_stride, x_stride, out + row * stride,
                                     stride);
  }
}

void MultiplyFloats(const Matrix& weights, Range panels, const float* x, std::size_t x_stride,
                    Range rows, float* out, std::size_t stride) {
  switch (weights.format()) {
    case Format::kHalf:
      return multiply_floats<Half>(weights, panels, x, x_stride, rows, out, stride);
    case Format::kBrain:
      return multiply_floats<Brain>(weights, panels, x, x_stride, rows, out, stride);
    case Format::kFloat:
      return multiply_floats<Float>(weights, panels, x, x_stride, rows, out, stride);
    default:
      break;
  }
}

#endif  // HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(MultiplyFloats);

void multiply(const Matrix& weights, Range panels, const float* x, std::size_t x_stride, Range rows,
              float* out, std::size_t stride) {
  TANDEM_CHECK(!weights.takes_bytes());
  HWY_DYNAMIC_DISPATCH(MultiplyFloats)(weights, panels, x, x_stride, rows, out, stride);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
