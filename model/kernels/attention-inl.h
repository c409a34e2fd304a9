// What attention over a block cache is made of whatever its elements are: the softmax over blocks,
// and the way through heads and blocks. For the sources of this folder that are compiled once for
// each set of instructions: includable once for each, hence the unusual guard.
#if defined(TANDEM_MODEL_KERNELS_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
#undef TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
#else
#define TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

#include "model/kernels/attention.h"
#include "model/kernels/halves-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

// e^x for x <= 0, as 2^n 2^f with n whole and |f| <= 1/2, the latter by its Taylor series: to 3e-7,
// and to 5e-6 where it is nothing beside the largest weight, 1. 0 where it would not be a normal
// number. With Highway's Exp(), which takes all numbers, attention takes 6 % longer.
HWY_INLINE Floats exp_below_zero(Floats x) {
  constexpr hn::RebindToSigned<decltype(kFloats)> kInts32;
  const Floats least = hn::Set(kFloats, -126.0f);
  const Floats power = hn::Mul(x, hn::Set(kFloats, 1.442695041f));
  const Floats clamped = hn::Max(power, least);
  const auto whole = hn::NearestInt(clamped);
  const Floats rest = hn::Sub(clamped, hn::ConvertTo(kFloats, whole));
  Floats sum = hn::Set(kFloats, 1.54035304e-4f);
  for (const float coefficient :
       {1.33335581e-3f, 9.61812911e-3f, 5.55041087e-2f, 0.240226507f, 0.693147181f, 1.0f})
    sum = hn::MulAdd(sum, rest, hn::Set(kFloats, coefficient));
  const auto scaled = hn::Add(hn::BitCast(kInts32, sum), hn::ShiftLeft<23>(whole));
  return hn::IfThenElseZero(hn::Ge(power, least), hn::BitCast(kFloats, scaled));
}

// What one head of one row wants.
struct Query {
  const float* numbers;
  float* out;
  std::size_t begin;  // of the positions that it sees
  std::size_t end;
};

// Softmax with a running maximum (Milakov and Gimelshein 2018, arXiv:1805.02867, algorithm 3) for
// kQueries queries, and the sums of values that it weights.
template <std::size_t kQueries>
struct RunningSoftmax {
  explicit RunningSoftmax(std::size_t padded_head_size) : padded(padded_head_size) {
    std::fill(sums, sums + kQueries * padded, 0.0f);
    for (std::size_t q = 0; q < kQueries; ++q) {
      largest[q] = -std::numeric_limits<float>::infinity();
      std::fill(totals[q], totals[q] + kLanes, 0.0f);
    }
  }

  float* sums_of(std::size_t q) { return sums + q * padded; }
  float total_of(std::size_t q) const {
    return hn::GetLane(hn::SumOfLanes(kFloats, hn::Load(kFloats, totals[q])));
  }

  // What `weights` holds of a block, its scores, to weights relative to the largest score so far;
  // those of positions outside [begin, end) of the block to 0.
  void soften(std::size_t q, std::size_t begin, std::size_t end) {
    if (begin >= end) {
      std::fill(weights[q], weights[q] + kBlockPositions, 0.0f);
      return;
    }
    const float nothing = -std::numeric_limits<float>::infinity();
    if (begin > 0) std::fill(weights[q], weights[q] + begin, nothing);
    if (end < kBlockPositions) std::fill(weights[q] + end, weights[q] + kBlockPositions, nothing);
    Floats block_largest = hn::Load(kFloats, weights[q]);
    for (std::size_t i = kLanes; i < kBlockPositions; i += kLanes)
      block_largest = hn::Max(block_largest, hn::Load(kFloats, weights[q] + i));
    Floats total = hn::Load(kFloats, totals[q]);
    // Soon there is hardly any block with a larger score: the largest lane is not looked for then.
    if (!hn::AllFalse(kFloats, hn::Gt(block_largest, hn::Set(kFloats, largest[q])))) {
      const float new_largest = hn::GetLane(hn::MaxOfLanes(kFloats, block_largest));
      const Floats shrink = hn::Set(kFloats, std::exp(largest[q] - new_largest));
      total = hn::Mul(total, shrink);
      for (std::size_t i = 0; i < padded; i += kLanes)
        hn::Store(hn::Mul(hn::Load(kFloats, sums_of(q) + i), shrink), kFloats, sums_of(q) + i);
      largest[q] = new_largest;
    }
    for (std::size_t i = 0; i < kBlockPositions; i += kLanes) {
      const Floats weight =
          exp_below_zero(hn::Sub(hn::Load(kFloats, weights[q] + i), hn::Set(kFloats, largest[q])));
      hn::Store(weight, kFloats, weights[q] + i);
      total = hn::Add(total, weight);
    }
    hn::Store(total, kFloats, totals[q]);
  }

  const std::size_t padded;
  HWY_ALIGN float weights[kQueries][kBlockPositions];
  HWY_ALIGN float sums[kQueries * kMaxHeadSize];  // [kQueries, padded]
  HWY_ALIGN float totals[kQueries][kLanes];       // to be added up
  float largest[kQueries];
};

// Attention of kQueries queries, those that see more positions later.
template <template <std::size_t> class Pass, std::size_t kQueries, class Element>
void attend_together(const Query* queries, std::size_t head_size, float scale,
                     std::span<const Element* const> blocks) {
  Pass<kQueries> pass(queries, head_size, scale);
  const std::size_t end = queries[kQueries - 1].end;
  std::size_t index = queries[0].begin / kBlockPositions;
  for (; index * kBlockPositions < end; ++index) {
    const std::size_t first = index * kBlockPositions;
    pass.score(blocks[index]);
    for (std::size_t q = 0; q < kQueries; ++q) {
      const auto in_block = [&](std::size_t position) {
        return std::clamp(position, first, first + kBlockPositions) - first;
      };
      pass.softmax().soften(q, in_block(queries[q].begin), in_block(queries[q].end));
    }
    pass.add_values(blocks[index]);
  }
  pass.finish(queries);
}

// attend() with Pass<kQueries>, which takes kQueries queries, their head size and scale; score()s
// a block, which leaves scores in its softmax(); add_values() of a block as the weights there say;
// and writes the results with finish(). kMost queries share what it takes to read a block.
template <template <std::size_t> class Pass, std::size_t kMost, class Element>
void attend_run(const QueryRun& run, std::span<const Element* const> blocks) {
  Query queries[kMost];
  std::size_t count = 0;
  for (std::size_t row = 0; row < run.rows; ++row) {
    for (std::size_t head = 0; head < run.heads; ++head) {
      const std::size_t at = head * run.head_size;
      queries[count++] = {run.query + row * run.query_stride + at,
                          run.out + row * run.out_stride + at, run.begin_of(row), run.end_of(row)};
      if (count < kMost) continue;
      attend_together<Pass, kMost>(queries, run.head_size, run.scale, blocks);
      count = 0;
    }
  }
  const Query* rest = queries;
  const auto attend_rest = [&](auto constant) {
    constexpr std::size_t kQueries = decltype(constant)::value;
    for (; count >= kQueries; count -= kQueries, rest += kQueries)
      attend_together<Pass, kQueries>(rest, run.head_size, run.scale, blocks);
  };
  attend_rest(std::integral_constant<std::size_t, 4>());
  attend_rest(std::integral_constant<std::size_t, 3>());
  attend_rest(std::integral_constant<std::size_t, 2>());
  attend_rest(std::integral_constant<std::size_t, 1>());
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
