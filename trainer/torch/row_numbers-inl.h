// Rows of floats and of bfloat16 in registers of floats. For the sources of this folder that are
// compiled once for each set of instructions: includable once for each, hence the unusual guard.
#if defined(TANDEM_TRAINER_TORCH_ROW_NUMBERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_TRAINER_TORCH_ROW_NUMBERS_INL_H_
#undef TANDEM_TRAINER_TORCH_ROW_NUMBERS_INL_H_
#else
#define TANDEM_TRAINER_TORCH_ROW_NUMBERS_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstdint>

#include "trainer/torch/row_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::training::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kFloats;
constexpr hn::CappedTag<float, 1> kOne;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr std::int64_t kLanes = hn::MaxLanes(kFloats);

// Calls body(tag, i) for whole registers of columns, then for the single ones after them.
template <class Body>
HWY_INLINE void for_columns(std::int64_t begin, std::int64_t end, const Body& body) {
  std::int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) body(kFloats, i);
  for (; i < end; ++i) body(kOne, i);
}

template <class D>
HWY_INLINE hn::Vec<D> load(D floats, const float* from) {
  return hn::LoadU(floats, from);
}

template <class D>
HWY_INLINE hn::Vec<D> load(D floats, const BFloat16* from) {
  const hn::Rebind<std::uint16_t, D> halves;
  const hn::RebindToUnsigned<D> words;
  return hn::BitCast(floats,
                     hn::ShiftLeft<16>(hn::PromoteTo(
                         words, hn::LoadU(halves, reinterpret_cast<const std::uint16_t*>(from)))));
}

template <class D>
HWY_INLINE void store(D floats, hn::Vec<D> x, float* to) {
  hn::StoreU(x, floats, to);
}

// To the nearest, ties to even.
template <class D>
HWY_INLINE void store(D, hn::Vec<D> x, BFloat16* to) {
  const hn::Rebind<std::uint16_t, D> halves;
  const hn::RebindToUnsigned<D> words;
  const auto bits = hn::BitCast(words, x);
  const auto last = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(words, 0x7FFF)), last);
  hn::StoreU(hn::TruncateTo(halves, hn::ShiftRight<16>(rounded)), halves,
             reinterpret_cast<std::uint16_t*>(to));
}

// The sum over columns of term(tag, i).
template <class Term>
HWY_INLINE float sum_over(std::int64_t begin, std::int64_t end, const Term& term) {
  Floats sums = hn::Zero(kFloats);
  float rest = 0;
  std::int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) sums = hn::Add(sums, term(kFloats, i));
  for (; i < end; ++i) rest += hn::GetLane(term(kOne, i));
  return rest + hn::GetLane(hn::SumOfLanes(kFloats, sums));
}

// 1 / (1 + e^-x)
template <class D>
HWY_INLINE hn::Vec<D> logistic(D floats, hn::Vec<D> x) {
  const auto one = hn::Set(floats, 1.0f);
  // Beyond, e^-x is not a float.
  x = hn::Max(x, hn::Set(floats, -80.0f));
  return hn::Div(one, hn::Add(one, hn::Exp(floats, hn::Neg(x))));
}

}  // namespace tandem::training::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_TRAINER_TORCH_ROW_NUMBERS_INL_H_
