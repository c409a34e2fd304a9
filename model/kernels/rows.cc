#include "model/kernels/rows.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, kPanelRows> kFloats;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr std::size_t kLanes = hn::MaxLanes(kFloats);

// Calls vectors(i) for whole registers and rest(i) for the single columns after them.
template <class Vectors, class Rest>
HWY_INLINE void for_columns(std::size_t count, const Vectors& vectors, const Rest& rest) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) vectors(i);
  for (; i < count; ++i) rest(i);
}

HWY_INLINE float largest_magnitude(const float* group) {
  Floats largest = hn::Zero(kFloats);
  for (std::size_t i = 0; i < kGroup; i += kLanes)
    largest = hn::Max(largest, hn::Abs(hn::LoadU(kFloats, group + i)));
  return hn::GetLane(hn::MaxOfLanes(kFloats, largest));
}

void Quantize(std::span<const float> x, const ActivationRows& out, std::size_t row,
              std::size_t first_group) {
  constexpr std::size_t kHalf = kGroup / 2;
  const hn::RebindToSigned<decltype(kFloats)> ints;
  const hn::Rebind<std::int8_t, decltype(kFloats)> bytes;
  std::int8_t* const values = out.values(row);
  float* const scales = out.scales(row);
  std::int32_t* const sums = out.sums(row);
  std::int32_t* const offsets = out.offsets(row);
  float* const shifts = out.shifts(row);
  for (std::size_t g = first_group; !x.empty(); ++g) {
    const float* group = x.data();
    const std::size_t count = std::min(x.size(), kGroup);
    HWY_ALIGN float padded[kGroup];
    if (count < kGroup) {
      std::fill(std::copy_n(group, count, padded), padded + kGroup, 0.0f);
      group = padded;
    }
    const float scale = largest_magnitude(group) / 127.0f;
    const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
    std::int32_t total = 0;
    for (std::size_t half = 0; half < 2; ++half) {
      auto sum = hn::Zero(ints);
      for (std::size_t i = half * kHalf; i < (half + 1) * kHalf; i += kLanes) {
        const auto rounded =
            hn::NearestInt(hn::Mul(hn::LoadU(kFloats, group + i), hn::Set(kFloats, inverse)));
        hn::StoreU(hn::DemoteTo(bytes, rounded), bytes, values + g * kGroup + i);
        sum = hn::Add(sum, rounded);
      }
      sums[2 * g + half] = hn::GetLane(hn::SumOfLanes(ints, sum));
      total += sums[2 * g + half];
    }
    scales[g] = scale;
    offsets[g] = -8 * total;
    shifts[g] = scale * static_cast<float>(total);
    x = x.subspan(count);
  }
}

void RmsNorm(std::span<const float> x, const float* weight, float epsilon, float* out) {
  Floats squares = hn::Zero(kFloats);
  float sum = 0;
  for_columns(
      x.size(),
      [&](std::size_t i) {
        const Floats v = hn::LoadU(kFloats, x.data() + i);
        squares = hn::MulAdd(v, v, squares);
      },
      [&](std::size_t i) { sum += x[i] * x[i]; });
  sum += hn::GetLane(hn::SumOfLanes(kFloats, squares));
  const float factor = 1.0f / std::sqrt(sum / static_cast<float>(x.size()) + epsilon);
  for_columns(
      x.size(),
      [&](std::size_t i) {
        const Floats scaled = hn::Mul(hn::LoadU(kFloats, x.data() + i), hn::Set(kFloats, factor));
        hn::StoreU(hn::Mul(scaled, hn::LoadU(kFloats, weight + i)), kFloats, out + i);
      },
      [&](std::size_t i) { out[i] = x[i] * factor * weight[i]; });
}

// The sum over `x` of term(vector) or term(number).
template <class Term>
HWY_INLINE float sum_of(std::span<const float> x, const Term& term) {
  Floats sums = hn::Zero(kFloats);
  float rest = 0;
  for_columns(
      x.size(),
      [&](std::size_t i) { sums = hn::Add(sums, term(hn::LoadU(kFloats, x.data() + i))); },
      [&](std::size_t i) { rest += hn::GetLane(term(hn::Set(kFloats, x[i]))); });
  return rest + hn::GetLane(hn::SumOfLanes(kFloats, sums));
}

void LayerNorm(std::span<const float> x, const float* weight, const float* bias, float epsilon,
               float* out) {
  const auto count = static_cast<float>(x.size());
  const float mean = sum_of(x, [](Floats v) { return v; }) / count;
  const float variance = sum_of(x,
                                [&](Floats v) {
                                  const Floats apart = hn::Sub(v, hn::Set(kFloats, mean));
                                  return hn::Mul(apart, apart);
                                }) /
                         count;
  const float factor = 1.0f / std::sqrt(variance + epsilon);
  for_columns(
      x.size(),
      [&](std::size_t i) {
        const Floats apart = hn::Sub(hn::LoadU(kFloats, x.data() + i), hn::Set(kFloats, mean));
        const Floats scaled = hn::Mul(apart, hn::Set(kFloats, factor));
        hn::StoreU(hn::MulAdd(scaled, hn::LoadU(kFloats, weight + i), hn::LoadU(kFloats, bias + i)),
                   kFloats, out + i);
      },
      [&](std::size_t i) { out[i] = (x[i] - mean) * factor * weight[i] + bias[i]; });
}

void Add(std::span<float> x, const float* y) {
  for_columns(
      x.size(),
      [&](std::size_t i) {
        hn::StoreU(hn::Add(hn::LoadU(kFloats, x.data() + i), hn::LoadU(kFloats, y + i)), kFloats,
                   x.data() + i);
      },
      [&](std::size_t i) { x[i] += y[i]; });
}

void Scale(std::span<float> x, float factor) {
  for (float& value : x) value *= factor;
}

// x * sigmoid(z)
HWY_INLINE Floats times_sigmoid(Floats x, Floats z) {
  const Floats one = hn::Set(kFloats, 1.0f);
  // Beyond 104 Highway's exponential is not defined; here the sigmoid is 0 long before.
  const Floats exponent = hn::Min(hn::Neg(z), hn::Set(kFloats, 88.0f));
  return hn::Div(x, hn::Add(one, hn::Exp(kFloats, exponent)));
}

// GELU by tanh is x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)) (Hendrycks and Gimpel 2016,
// arXiv:1606.08415, section 2).
constexpr float kGeluLinear = 1.5957691216057308f;
constexpr float kGeluCubic = kGeluLinear * 0.044715f;

HWY_INLINE Floats activated(DecoderActivation activation, Floats x) {
  if (activation == DecoderActivation::kSilu) return times_sigmoid(x, x);
  const Floats inner =
      hn::MulAdd(hn::Mul(x, x), hn::Set(kFloats, kGeluCubic), hn::Set(kFloats, kGeluLinear));
  return times_sigmoid(x, hn::Mul(x, inner));
}

void Activate(DecoderActivation activation, std::span<float> gate, const float* up) {
  for_columns(
      gate.size(),
      [&](std::size_t i) {
        const Floats a = activated(activation, hn::LoadU(kFloats, gate.data() + i));
        hn::StoreU(hn::Mul(a, hn::LoadU(kFloats, up + i)), kFloats, gate.data() + i);
      },
      [&](std::size_t i) {
        gate[i] = hn::GetLane(activated(activation, hn::Set(kFloats, gate[i]))) * up[i];
      });
}

void Rotate(RotaryPairs pairs, float* head, std::span<const float> cosines, const float* sines) {
  const std::size_t count = cosines.size();
  const std::size_t step = pairs == RotaryPairs::kNeighbours ? 2 : 1;
  float* const second = head + (pairs == RotaryPairs::kNeighbours ? 1 : count);
  for (std::size_t i = 0; i < count; ++i) {
    float& a = head[i * step];
    float& b = second[i * step];
    const float turned = a * cosines[i] - b * sines[i];
    b = a * sines[i] + b * cosines[i];
    a = turned;
  }
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(Quantize);
HWY_EXPORT(RmsNorm);
HWY_EXPORT(LayerNorm);
HWY_EXPORT(Add);
HWY_EXPORT(Scale);
HWY_EXPORT(Activate);
HWY_EXPORT(Rotate);

void quantize(std::span<const float> x, const ActivationRows& out, std::size_t row,
              std::size_t first_group) {
  TANDEM_CHECK(first_group * kGroup + x.size() <= out.columns());
  HWY_DYNAMIC_DISPATCH(Quantize)(x, out, row, first_group);
}

void rms_norm(std::span<const float> x, const float* weight, float epsilon, float* out) {
  HWY_DYNAMIC_DISPATCH(RmsNorm)(x, weight, epsilon, out);
}

void layer_norm(std::span<const float> x, const float* weight, const float* bias, float epsilon,
                float* out) {
  HWY_DYNAMIC_DISPATCH(LayerNorm)(x, weight, bias, epsilon, out);
}

void add(std::span<float> x, const float* y) {
  HWY_DYNAMIC_DISPATCH(Add)(x, y);
}

void scale(std::span<float> x, float factor) {
  HWY_DYNAMIC_DISPATCH(Scale)(x, factor);
}

void activate(DecoderActivation activation, std::span<float> gate, const float* up) {
  HWY_DYNAMIC_DISPATCH(Activate)(activation, gate, up);
}

void rotate(RotaryPairs pairs, float* head, std::span<const float> cosines, const float* sines) {
  HWY_DYNAMIC_DISPATCH(Rotate)(pairs, head, cosines, sines);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
