// What attention over a block cache is made of whatever its elements are: the softmax over blocks,
// and the way through heads and blocks. For the sources of this folder that are compiled once for
// each set of instructions: includable once for each, hence the unusual guard.
#if defined(TANDEM_MODEL_KERNELS_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
#undef TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
#else
#define TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "model/kernels/attention.h"
#include "model/kernels/halves-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

// Heads that share a key are computed together, so that it is read once for all of them.
constexpr std::size_t kMaxHeads = 4;

// Softmax with a running maximum (Milakov and Gimelshein 2018, arXiv:1805.02867, algorithm 3) for
// kHeads heads, and the sums of values that it weights.
template <std::size_t kHeads>
struct RunningSoftmax {
  explicit RunningSoftmax(std::size_t padded_head_size) : padded(padded_head_size) {
    for (std::size_t h = 0; h < kHeads; ++h) {
      std::fill(sums[h], sums[h] + padded, 0.0f);
      largest[h] = -std::numeric_limits<float>::infinity();
      total[h] = 0;
    }
  }

  // What `weights` holds of a block, its scores, to weights relative to the largest score so far;
  // those outside [begin, end) to 0.
  void soften(std::size_t begin, std::size_t end) {
    for (std::size_t h = 0; h < kHeads; ++h) {
      const float nothing = -std::numeric_limits<float>::infinity();
      std::fill(weights[h], weights[h] + begin, nothing);
      std::fill(weights[h] + end, weights[h] + kBlockPositions, nothing);
      soften_head(h);
    }
  }

  const std::size_t padded;
  HWY_ALIGN float weights[kHeads][kBlockPositions];
  HWY_ALIGN float sums[kHeads][kMaxHeadSize];
  float largest[kHeads];
  float total[kHeads];

 private:
  void soften_head(std::size_t h) {
    Floats block_largest = hn::Load(kFloats, weights[h]);
    for (std::size_t i = kLanes; i < kBlockPositions; i += kLanes)
      block_largest = hn::Max(block_largest, hn::Load(kFloats, weights[h] + i));
    const float new_largest =
        std::max(largest[h], hn::GetLane(hn::MaxOfLanes(kFloats, block_largest)));
    if (new_largest > largest[h]) {
      const float shrink = std::exp(largest[h] - new_largest);
      total[h] *= shrink;
      for (std::size_t i = 0; i < padded; i += kLanes)
        hn::Store(hn::Mul(hn::Load(kFloats, sums[h] + i), hn::Set(kFloats, shrink)), kFloats,
                  sums[h] + i);
      largest[h] = new_largest;
    }
    Floats sum = hn::Zero(kFloats);
    for (std::size_t i = 0; i < kBlockPositions; i += kLanes) {
      const Floats below =
          hn::Sub(hn::Load(kFloats, weights[h] + i), hn::Set(kFloats, new_largest));
      const Floats weight = hn::Exp(kFloats, below);
      hn::Store(weight, kFloats, weights[h] + i);
      sum = hn::Add(sum, weight);
    }
    total[h] += hn::GetLane(hn::SumOfLanes(kFloats, sum));
  }
};

// attend() with Pass<kHeads>, which takes the queries of kHeads heads and their scale, add()s
// positions [begin, end) of a block, and writes the result with finish().
template <template <std::size_t> class Pass, std::size_t kHeads, class Element>
void attend_heads(const float* query, std::size_t head_size, float scale,
                  std::span<const Element* const> blocks, std::size_t begin, std::size_t end,
                  float* out) {
  Pass<kHeads> pass(query, head_size, scale);
  for (std::size_t at = begin; at < end;) {
    const std::size_t block = at / kBlockPositions;
    const std::size_t first = block * kBlockPositions;
    const std::size_t block_end = std::min(end, first + kBlockPositions);
    pass.add(blocks[block], at - first, block_end - first);
    at = block_end;
  }
  pass.finish(out);
}

template <template <std::size_t> class Pass, class Element>
void attend_all_heads(const float* query, std::size_t heads, std::size_t head_size, float scale,
                      std::span<const Element* const> blocks, std::size_t begin, std::size_t end,
                      float* out) {
  while (heads > 0) {
    const std::size_t now = std::min(heads, kMaxHeads);
    switch (now) {
      case 1:
        attend_heads<Pass, 1>(query, head_size, scale, blocks, begin, end, out);
        break;
      case 2:
        attend_heads<Pass, 2>(query, head_size, scale, blocks, begin, end, out);
        break;
      case 3:
        attend_heads<Pass, 3>(query, head_size, scale, blocks, begin, end, out);
        break;
      default:
        attend_heads<Pass, 4>(query, head_size, scale, blocks, begin, end, out);
        break;
    }
    query += now * head_size;
    out += now * head_size;
    heads -= now;
  }
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_MODEL_KERNELS_ATTENTION_INL_H_
