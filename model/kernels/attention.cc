#include "model/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/attention.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "model/kernels/halves-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kMaxHeadSize = 512;
// Heads that share a key are computed together, so that it is expanded once for all of them.
constexpr std::size_t kMaxHeads = 4;

// One pass over the positions for kHeads heads: softmax with a running maximum (Milakov and
// Gimelshein 2018, arXiv:1805.02867, algorithm 3).
template <std::size_t kHeads>
class Pass {
 public:
  Pass(const float* query, std::size_t head_size, float scale)
      : head_size_(head_size), padded_(padded_head(head_size)) {
    for (std::size_t h = 0; h < kHeads; ++h) {
      for (std::size_t i = 0; i < head_size; ++i) query_[h][i] = query[h * head_size + i] * scale;
      for (std::size_t i = head_size; i < padded_; ++i) query_[h][i] = 0;
      for (std::size_t i = 0; i < padded_; ++i) sums_[h][i] = 0;
      largest_[h] = -std::numeric_limits<float>::infinity();
      total_[h] = 0;
    }
  }

  // Positions [begin, end) of a block.
  void add(const std::uint16_t* block, std::size_t begin, std::size_t end) {
    score(block);
    for (std::size_t h = 0; h < kHeads; ++h) {
      const float nothing = -std::numeric_limits<float>::infinity();
      std::fill(weights_[h], weights_[h] + begin, nothing);
      std::fill(weights_[h] + end, weights_[h] + kBlockPositions, nothing);
      soften(h);
    }
    add_values(block + padded_ * kBlockPositions);
  }

  void finish(float* out) const {
    for (std::size_t h = 0; h < kHeads; ++h) {
      const float factor = 1.0f / total_[h];
      for (std::size_t i = 0; i < head_size_; ++i) out[h * head_size_ + i] = sums_[h][i] * factor;
    }
  }

 private:
  void score(const std::uint16_t* keys) {
    constexpr std::size_t kVectors = kLanes * 2 <= kBlockPositions ? 2 : 1;
    for (std::size_t at = 0; at < kBlockPositions; at += kVectors * kLanes) {
      Floats sums[kHeads][kVectors];
      for (std::size_t h = 0; h < kHeads; ++h)
        for (std::size_t v = 0; v < kVectors; ++v) sums[h][v] = hn::Zero(kFloats);
      for (std::size_t i = 0; i < padded_; ++i) {
        Floats key[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v)
          key[v] = load_halves(keys + i * kBlockPositions + at + v * kLanes);
        for (std::size_t h = 0; h < kHeads; ++h) {
          const Floats query = hn::Set(kFloats, query_[h][i]);
          for (std::size_t v = 0; v < kVectors; ++v)
            sums[h][v] = hn::MulAdd(query, key[v], sums[h][v]);
        }
      }
      for (std::size_t h = 0; h < kHeads; ++h)
        for (std::size_t v = 0; v < kVectors; ++v)
          hn::Store(sums[h][v], kFloats, weights_[h] + at + v * kLanes);
    }
  }

  // Scores of a block to weights relative to the largest score so far.
  void soften(std::size_t h) {
    Floats block_largest = hn::Load(kFloats, weights_[h]);
    for (std::size_t i = kLanes; i < kBlockPositions; i += kLanes)
      block_largest = hn::Max(block_largest, hn::Load(kFloats, weights_[h] + i));
    const float largest =
        std::max(largest_[h], hn::GetLane(hn::MaxOfLanes(kFloats, block_largest)));
    if (largest > largest_[h]) {
      const float shrink = std::exp(largest_[h] - largest);
      total_[h] *= shrink;
      for (std::size_t i = 0; i < padded_; i += kLanes)
        hn::Store(hn::Mul(hn::Load(kFloats, sums_[h] + i), hn::Set(kFloats, shrink)), kFloats,
                  sums_[h] + i);
      largest_[h] = largest;
    }
    Floats total = hn::Zero(kFloats);
    for (std::size_t i = 0; i < kBlockPositions; i += kLanes) {
      const Floats below = hn::Sub(hn::Load(kFloats, weights_[h] + i), hn::Set(kFloats, largest));
      const Floats weight = hn::Exp(kFloats, below);
      hn::Store(weight, kFloats, weights_[h] + i);
      total = hn::Add(total, weight);
    }
    total_[h] += hn::GetLane(hn::SumOfLanes(kFloats, total));
  }

  void add_values(const std::uint16_t* values) {
    constexpr std::size_t kVectors = kLanes <= 8 ? 1 : 2;
    std::size_t at = 0;
    const auto columns = [&](auto count) {
      constexpr std::size_t kCount = decltype(count)::value;
      Floats sums[kHeads][kCount];
      for (std::size_t h = 0; h < kHeads; ++h)
        for (std::size_t v = 0; v < kCount; ++v)
          sums[h][v] = hn::Load(kFloats, sums_[h] + at + v * kLanes);
      for (std::size_t p = 0; p < kBlockPositions; ++p) {
        Floats value[kCount];
        for (std::size_t v = 0; v < kCount; ++v)
          value[v] = load_halves(values + p * padded_ + at + v * kLanes);
        for (std::size_t h = 0; h < kHeads; ++h) {
          const Floats weight = hn::Set(kFloats, weights_[h][p]);
          for (std::size_t v = 0; v < kCount; ++v)
            sums[h][v] = hn::MulAdd(weight, value[v], sums[h][v]);
        }
      }
      for (std::size_t h = 0; h < kHeads; ++h)
        for (std::size_t v = 0; v < kCount; ++v)
          hn::Store(sums[h][v], kFloats, sums_[h] + at + v * kLanes);
      at += kCount * kLanes;
    };
    while (at + kVectors * kLanes <= padded_)
      columns(std::integral_constant<std::size_t, kVectors>());
    while (at < padded_) columns(std::integral_constant<std::size_t, 1>());
  }

  const std::size_t head_size_;
  const std::size_t padded_;
  HWY_ALIGN float query_[kHeads][kMaxHeadSize];
  HWY_ALIGN float weights_[kHeads][kBlockPositions];
  HWY_ALIGN float sums_[kHeads][kMaxHeadSize];
  float largest_[kHeads];
  float total_[kHeads];
};

template <std::size_t kHeads>
void attend_heads(const float* query, std::size_t head_size, float scale,
                  std::span<const std::uint16_t* const> blocks, std::size_t begin, std::size_t end,
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

void StoreKeyValue(const float* key, const float* value, std::size_t head_size,
                   std::size_t position, std::uint16_t* block) {
  const std::size_t padded = padded_head(head_size);
  HWY_ALIGN float numbers[kMaxHeadSize];
  HWY_ALIGN std::uint16_t rounded[kMaxHeadSize];
  const auto round = [&](const float* from, std::uint16_t* to) {
    std::copy_n(from, head_size, numbers);
    std::fill(numbers + head_size, numbers + padded, 0.0f);
    for (std::size_t i = 0; i < padded; i += kLanes)
      store_halves(hn::Load(kFloats, numbers + i), to + i);
  };
  round(key, rounded);
  for (std::size_t i = 0; i < padded; ++i) block[i * kBlockPositions + position] = rounded[i];
  round(value, block + padded * (kBlockPositions + position));
}

void Attend(const float* query, std::size_t heads, std::size_t head_size, float scale,
            std::span<const std::uint16_t* const> blocks, std::size_t begin, std::size_t end,
            float* out) {
  while (heads > 0) {
    const std::size_t now = std::min(heads, kMaxHeads);
    switch (now) {
      case 1:
        attend_heads<1>(query, head_size, scale, blocks, begin, end, out);
        break;
      case 2:
        attend_heads<2>(query, head_size, scale, blocks, begin, end, out);
        break;
      case 3:
        attend_heads<3>(query, head_size, scale, blocks, begin, end, out);
        break;
      default:
        attend_heads<4>(query, head_size, scale, blocks, begin, end, out);
        break;
    }
    query += now * head_size;
    out += now * head_size;
    heads -= now;
  }
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(StoreKeyValue);
HWY_EXPORT(Attend);

void store_key_value(const float* key, const float* value, std::size_t head_size,
                     std::size_t position, std::uint16_t* block) {
  HWY_DYNAMIC_DISPATCH(StoreKeyValue)(key, value, head_size, position, block);
}

void attend(const float* query, std::size_t heads, std::size_t head_size, float scale,
            std::span<const std::uint16_t* const> blocks, std::size_t begin, std::size_t end,
            float* out) {
  TANDEM_CHECK(begin < end && padded_head(head_size) <= 512);
  TANDEM_CHECK(end <= blocks.size() * kBlockPositions);
  HWY_DYNAMIC_DISPATCH(Attend)(query, heads, head_size, scale, blocks, begin, end, out);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
