#include "model/kernels/logits.h"

#include <algorithm>
#include <array>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/logits.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kFloats;
constexpr hn::RebindToSigned<decltype(kFloats)> kInts;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr std::size_t kLanes = hn::MaxLanes(kFloats);
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::optional<std::size_t> IndexOfLargest(std::span<const float> logits) {
  float largest = -kInfinity;
  std::size_t rest = logits.size() / kLanes * kLanes;
  Floats largest_of_lanes = hn::Set(kFloats, -kInfinity);
  auto comparable = hn::Eq(largest_of_lanes, largest_of_lanes);
  for (std::size_t i = 0; i < rest; i += kLanes) {
    const Floats x = hn::LoadU(kFloats, logits.data() + i);
    comparable = hn::And(comparable, hn::Lt(x, hn::Set(kFloats, kInfinity)));  // no NaN either
    largest_of_lanes = hn::Max(largest_of_lanes, x);
  }
  if (!hn::AllTrue(kFloats, comparable)) return {};
  largest = hn::GetLane(hn::MaxOfLanes(kFloats, largest_of_lanes));
  for (; rest < logits.size(); ++rest) {
    if (!(logits[rest] < kInfinity)) return {};
    largest = std::max(largest, logits[rest]);
  }
  if (largest == -kInfinity) return {};
  const Floats wanted = hn::Set(kFloats, largest);
  std::size_t i = 0;
  while (i + kLanes <= logits.size() &&
         hn::AllFalse(kFloats, hn::Eq(hn::LoadU(kFloats, logits.data() + i), wanted)))
    i += kLanes;
  while (logits[i] != largest) ++i;
  return i;
}

// e^x for x <= 0: 2^n e^r with n the integer next to x / ln 2, and r's series to r^7 / 7!, which
// for |r| <= ln 2 / 2 is as exact as a float.
HWY_INLINE Floats exponential(Floats x) {
  constexpr float kLog2E = 1.44269504f;
  // ln 2 in two parts; the first has so few digits that its products with n are exact.
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  constexpr float kLeast = -86.0f;
  constexpr std::array kSeries = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24,
                                  1.0f / 6,    0.5f,       1.0f,       1.0f};
  const auto kept = hn::Ge(x, hn::Set(kFloats, kLeast));
  x = hn::Max(x, hn::Set(kFloats, kLeast));
  const Floats n = hn::Round(hn::Mul(x, hn::Set(kFloats, kLog2E)));
  const Floats r = hn::Sub(hn::Sub(x, hn::Mul(n, hn::Set(kFloats, kLn2High))),
                           hn::Mul(n, hn::Set(kFloats, kLn2Low)));
  Floats series = hn::Set(kFloats, kSeries[0]);
  for (std::size_t i = 1; i < kSeries.size(); ++i)
    series = hn::Add(hn::Mul(series, r), hn::Set(kFloats, kSeries[i]));
  const auto power = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(kInts, n), hn::Set(kInts, 127)));
  return hn::IfThenElseZero(kept, hn::Mul(series, hn::BitCast(kFloats, power)));
}

void SoftmaxWeights(std::span<const float> logits, float largest, float temperature, float* out) {
  const auto weights = [&](Floats x) {
    return exponential(
        hn::Div(hn::Sub(x, hn::Set(kFloats, largest)), hn::Set(kFloats, temperature)));
  };
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes)
    hn::StoreU(weights(hn::LoadU(kFloats, logits.data() + i)), kFloats, out + i);
  for (; i < logits.size(); ++i) out[i] = hn::GetLane(weights(hn::Set(kFloats, logits[i])));
}

double Sum(std::span<const float> x) {
  // As many sums on every machine, in as many registers as it takes.
  constexpr std::size_t kSums = 16;
  std::array<double, kSums> sums{};
  std::size_t i = 0;
  for (; i + kSums <= x.size(); i += kSums)
    for (std::size_t s = 0; s < kSums; ++s) sums[s] += static_cast<double>(x[i + s]);
  for (std::size_t s = 0; i < x.size(); ++i, ++s) sums[s] += static_cast<double>(x[i]);
  double total = 0;
  for (const double part : sums) total += part;
  return total;
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(IndexOfLargest);
HWY_EXPORT(SoftmaxWeights);
HWY_EXPORT(Sum);

std::optional<std::size_t> index_of_largest(std::span<const float> logits) {
  return HWY_DYNAMIC_DISPATCH(IndexOfLargest)(logits);
}

void softmax_weights(std::span<const float> logits, float largest, float temperature, float* out) {
  HWY_DYNAMIC_DISPATCH(SoftmaxWeights)(logits, largest, temperature, out);
}

double sum(std::span<const float> x) {
  return HWY_DYNAMIC_DISPATCH(Sum)(x);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
