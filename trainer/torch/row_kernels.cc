#include "trainer/torch/row_kernels.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/torch/row_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "trainer/torch/row_numbers-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::training::HWY_NAMESPACE {

template <class Number>
void AddNormRows(const AddNorm<Number>& work) {
  for (std::int64_t row = 0; row < work.rows; ++row) {
    const std::int64_t at = row * work.width;
    const float* sum = work.x + at;
    float squares = 0;
    if (work.change == nullptr) {
      squares = sum_over(0, work.width, [&](auto d, std::int64_t i) {
        const auto value = load(d, sum + i);
        return hn::Mul(value, value);
      });
    } else {
      squares = sum_over(0, work.width, [&](auto d, std::int64_t i) {
        const auto value = hn::Add(load(d, work.x + at + i), load(d, work.change + at + i));
        store(d, value, work.sum + at + i);
        return hn::Mul(value, value);
      });
      sum = work.sum + at;
    }
    const float scale = 1 / std::sqrt(squares / static_cast<float>(work.width) + work.epsilon);
    work.scale[row] = scale;
    for_columns(0, work.width, [&](auto d, std::int64_t i) {
      const auto scaled = hn::Mul(load(d, sum + i), hn::Set(d, scale));
      store(d, hn::Mul(scaled, load(d, work.factor + i)), work.out + at + i);
    });
  }
}

// With y = x s f and s = (mean(x^2) + e)^-1/2, ds/dx_i = -s^3 x_i / n, and so
// dx = s (g f) - x s^3 / n * sum(g f x).
template <class Number>
void AddNormGradientRows(const AddNormGradient<Number>& work) {
  for (std::int64_t row = 0; row < work.rows; ++row) {
    const std::int64_t at = row * work.width;
    const float scale = work.scale[row];
    const float dot = sum_over(0, work.width, [&](auto d, std::int64_t i) {
      const auto product = hn::Mul(load(d, work.sum + at + i), load(d, work.out_gradient + at + i));
      if (work.factor_gradient != nullptr)
        store(d, hn::MulAdd(product, hn::Set(d, scale), load(d, work.factor_gradient + i)),
              work.factor_gradient + i);
      return hn::Mul(product, load(d, work.factor + i));
    });
    const float along = -scale * scale * scale * dot / static_cast<float>(work.width);
    for_columns(0, work.width, [&](auto d, std::int64_t i) {
      const auto through = hn::Mul(load(d, work.out_gradient + at + i),
                                   hn::Mul(load(d, work.factor + i), hn::Set(d, scale)));
      auto gradient = hn::MulAdd(load(d, work.sum + at + i), hn::Set(d, along), through);
      if (work.sum_gradient != nullptr)
        gradient = hn::Add(gradient, load(d, work.sum_gradient + at + i));
      store(d, gradient, work.x_gradient + at + i);
      if (work.change_gradient != nullptr) store(d, gradient, work.change_gradient + at + i);
    });
  }
}

// Of the activation at `x`, its value and its derivative.
template <class D>
struct Activated {
  hn::Vec<D> value, derivative;
};

template <class D>
HWY_INLINE Activated<D> silu(D d, hn::Vec<D> x) {
  const auto share = logistic(d, x);
  const auto value = hn::Mul(x, share);
  return {value, hn::MulAdd(value, hn::Sub(hn::Set(d, 1.0f), share), share)};
}

// x / 2 (1 + tanh u) with u = sqrt(2 / pi) (x + 0.044715 x^3), which is x logistic(2 u).
template <class D>
HWY_INLINE Activated<D> gelu(D d, hn::Vec<D> x) {
  constexpr float kTwoRoot = 1.5957691216057308f;
  const auto square = hn::Mul(x, x);
  const auto cubic = hn::Set(d, 0.044715f * kTwoRoot);
  const auto linear = hn::Set(d, kTwoRoot);
  const auto share = logistic(d, hn::Mul(x, hn::MulAdd(square, cubic, linear)));
  const auto value = hn::Mul(x, share);
  const auto slope = hn::MulAdd(square, hn::Set(d, 3 * 0.044715f * kTwoRoot), linear);
  const auto rest = hn::Mul(value, hn::Sub(hn::Set(d, 1.0f), share));
  return {value, hn::MulAdd(rest, slope, share)};
}

template <class D>
HWY_INLINE Activated<D> activated(D d, DecoderActivation activation, hn::Vec<D> x) {
  return activation == DecoderActivation::kSilu ? silu(d, x) : gelu(d, x);
}

template <class Number>
void GatedRows(const Gated<Number>& work) {
  for (std::int64_t row = 0; row < work.rows; ++row) {
    const Number* const gate = work.gate_up + 2 * row * work.width;
    for_columns(0, work.width, [&](auto d, std::int64_t i) {
      const auto active = activated(d, work.activation, load(d, gate + i)).value;
      store(d, hn::Mul(active, load(d, gate + work.width + i)), work.out + row * work.width + i);
    });
  }
}

template <class Number>
void GatedGradientRows(const GatedGradient<Number>& work) {
  for (std::int64_t row = 0; row < work.rows; ++row) {
    const Number* const gate = work.gate_up + 2 * row * work.width;
    Number* const gradient = work.gradient + 2 * row * work.width;
    for_columns(0, work.width, [&](auto d, std::int64_t i) {
      const auto active = activated(d, work.activation, load(d, gate + i));
      const auto from = load(d, work.out_gradient + row * work.width + i);
      const auto up = load(d, gate + work.width + i);
      store(d, hn::Mul(hn::Mul(from, up), active.derivative), gradient + i);
      store(d, hn::Mul(from, active.value), gradient + work.width + i);
    });
  }
}

void AddNormFloat(const AddNorm<float>& work) {
  AddNormRows(work);
}
void AddNormBFloat16(const AddNorm<BFloat16>& work) {
  AddNormRows(work);
}
void AddNormGradientFloat(const AddNormGradient<float>& work) {
  AddNormGradientRows(work);
}
void AddNormGradientBFloat16(const AddNormGradient<BFloat16>& work) {
  AddNormGradientRows(work);
}
void GatedFloat(const Gated<float>& work) {
  GatedRows(work);
}
void GatedBFloat16(const Gated<BFloat16>& work) {
  GatedRows(work);
}
void GatedGradientFloat(const GatedGradient<float>& work) {
  GatedGradientRows(work);
}
void GatedGradientBFloat16(const GatedGradient<BFloat16>& work) {
  GatedGradientRows(work);
}

}  // namespace tandem::training::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::training {

HWY_EXPORT(AddNormFloat);
HWY_EXPORT(AddNormBFloat16);
HWY_EXPORT(AddNormGradientFloat);
HWY_EXPORT(AddNormGradientBFloat16);
HWY_EXPORT(GatedFloat);
HWY_EXPORT(GatedBFloat16);
HWY_EXPORT(GatedGradientFloat);
HWY_EXPORT(GatedGradientBFloat16);

void add_norm(const AddNorm<float>& work) {
  HWY_DYNAMIC_DISPATCH(AddNormFloat)(work);
}
void add_norm(const AddNorm<BFloat16>& work) {
  HWY_DYNAMIC_DISPATCH(AddNormBFloat16)(work);
}
void add_norm_gradient(const AddNormGradient<float>& work) {
  HWY_DYNAMIC_DISPATCH(AddNormGradientFloat)(work);
}
void add_norm_gradient(const AddNormGradient<BFloat16>& work) {
  HWY_DYNAMIC_DISPATCH(AddNormGradientBFloat16)(work);
}
void gated(const Gated<float>& work) {
  HWY_DYNAMIC_DISPATCH(GatedFloat)(work);
}
void gated(const Gated<BFloat16>& work) {
  HWY_DYNAMIC_DISPATCH(GatedBFloat16)(work);
}
void gated_gradient(const GatedGradient<float>& work) {
  HWY_DYNAMIC_DISPATCH(GatedGradientFloat)(work);
}
void gated_gradient(const GatedGradient<BFloat16>& work) {
  HWY_DYNAMIC_DISPATCH(GatedGradientBFloat16)(work);
}

}  // namespace tandem::training
#endif  // HWY_ONCE
