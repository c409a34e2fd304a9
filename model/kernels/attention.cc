#include "model/kernels/attention.h"

#include <algorithm>
#include <type_traits>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/attention.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "model/kernels/attention-inl.h"
#include "model/kernels/halves-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Registers for sums beside those that they are added from: two for each query. More queries would
// not fit, and fewer read each key more often.
constexpr std::size_t kMostQueries = kLanes >= 16 ? 12 : 4;

// One pass over the positions for kQueries queries.
template <std::size_t kQueries>
class Pass {
 public:
  Pass(const Query* queries, std::size_t head_size, float scale)
      : head_size_(head_size), softmax_(padded_head(head_size)) {
    for (std::size_t q = 0; q < kQueries; ++q) {
      for (std::size_t i = 0; i < head_size; ++i)
        numbers_[i * kQueries + q] = queries[q].numbers[i] * scale;
      for (std::size_t i = head_size; i < softmax_.padded; ++i) numbers_[i * kQueries + q] = 0;
    }
  }

  RunningSoftmax<kQueries>& softmax() { return softmax_; }

  void score(const std::uint16_t* keys) {
    constexpr std::size_t kVectors = kLanes * 2 <= kBlockPositions ? 2 : 1;
    for (std::size_t at = 0; at < kBlockPositions; at += kVectors * kLanes) {
      Floats sums[kQueries][kVectors];
      for (std::size_t q = 0; q < kQueries; ++q)
        for (std::size_t v = 0; v < kVectors; ++v) sums[q][v] = hn::Zero(kFloats);
      for (std::size_t i = 0; i < softmax_.padded; ++i) {
        Floats key[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v)
          key[v] = load_halves(keys + i * kBlockPositions + at + v * kLanes);
        for (std::size_t q = 0; q < kQueries; ++q) {
          const Floats query = hn::Set(kFloats, numbers_[i * kQueries + q]);
          for (std::size_t v = 0; v < kVectors; ++v)
            sums[q][v] = hn::MulAdd(query, key[v], sums[q][v]);
        }
      }
      for (std::size_t q = 0; q < kQueries; ++q)
        for (std::size_t v = 0; v < kVectors; ++v)
          hn::Store(sums[q][v], kFloats, softmax_.weights[q] + at + v * kLanes);
    }
  }

  void add_values(const std::uint16_t* block) {
    const std::size_t padded = softmax_.padded;
    const std::uint16_t* const values = block + padded * kBlockPositions;
    float* const totals = softmax_.sums_of(0);  // [kQueries, padded]
    constexpr std::size_t kVectors = kLanes <= 8 ? 1 : 2;
    const auto columns = [&](std::size_t at, auto count) {
      constexpr std::size_t kCount = decltype(count)::value;
      Floats sums[kQueries][kCount];
      for (std::size_t q = 0; q < kQueries; ++q)
        for (std::size_t v = 0; v < kCount; ++v)
          sums[q][v] = hn::Load(kFloats, totals + q * padded + at + v * kLanes);
      for (std::size_t p = 0; p < kBlockPositions; ++p) {
        Floats value[kCount];
        for (std::size_t v = 0; v < kCount; ++v)
          value[v] = load_halves(values + p * padded + at + v * kLanes);
        for (std::size_t q = 0; q < kQueries; ++q) {
          const Floats weight = hn::Set(kFloats, softmax_.weights[q][p]);
          for (std::size_t v = 0; v < kCount; ++v)
            sums[q][v] = hn::MulAdd(weight, value[v], sums[q][v]);
        }
      }
      for (std::size_t q = 0; q < kQueries; ++q)
        for (std::size_t v = 0; v < kCount; ++v)
          hn::Store(sums[q][v], kFloats, totals + q * padded + at + v * kLanes);
    };
    std::size_t at = 0;
    for (; at + kVectors * kLanes <= padded; at += kVectors * kLanes)
      columns(at, std::integral_constant<std::size_t, kVectors>());
    for (; at < padded; at += kLanes) columns(at, std::integral_constant<std::size_t, 1>());
  }

  void finish(const Query* queries) {
    for (std::size_t q = 0; q < kQueries; ++q) {
      const float factor = 1.0f / softmax_.total_of(q);
      for (std::size_t i = 0; i < head_size_; ++i)
        queries[q].out[i] = softmax_.sums_of(q)[i] * factor;
    }
  }

 private:
  const std::size_t head_size_;
  HWY_ALIGN float numbers_[kQueries * kMaxHeadSize];  // [padded, kQueries], scaled
  RunningSoftmax<kQueries> softmax_;
};

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

void ReadKeyValue(const std::uint16_t* block, std::size_t head_size, std::size_t position,
                  float* key, float* value) {
  const std::size_t padded = padded_head(head_size);
  HWY_ALIGN float numbers[kMaxHeadSize];
  HWY_ALIGN std::uint16_t halves[kMaxHeadSize];
  const auto expand = [&](const std::uint16_t* from, float* to) HWY_ATTR {
    for (std::size_t i = 0; i < padded; i += kLanes)
      hn::Store(load_halves(from + i), kFloats, numbers + i);
    for (std::size_t i = 0; i < head_size; ++i) to[i] = numbers[i];
  };
  for (std::size_t i = 0; i < padded; ++i) halves[i] = block[i * kBlockPositions + position];
  expand(halves, key);
  expand(block + padded * (kBlockPositions + position), value);
}

void Attend(const QueryRun& run, std::span<const std::uint16_t* const> blocks) {
  attend_run<Pass, kMostQueries>(run, blocks);
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {

HWY_EXPORT(StoreKeyValue);
HWY_EXPORT(ReadKeyValue);
HWY_EXPORT(Attend);

void store_key_value(const float* key, const float* value, std::size_t head_size,
                     std::size_t position, std::uint16_t* block) {
  HWY_DYNAMIC_DISPATCH(StoreKeyValue)(key, value, head_size, position, block);
}

void read_key_value(const std::uint16_t* block, std::size_t head_size, std::size_t position,
                    float* key, float* value) {
  TANDEM_CHECK(head_size <= kMaxHeadSize && position < kBlockPositions);
  HWY_DYNAMIC_DISPATCH(ReadKeyValue)(block, head_size, position, key, value);
}

void attend(const QueryRun& run, std::span<const std::uint16_t* const> blocks) {
  TANDEM_CHECK(run.rows > 0 && run.heads > 0 && run.head_size <= kMaxHeadSize);
  TANDEM_CHECK(run.end_of(run.rows - 1) <= blocks.size() * kBlockPositions);
  HWY_DYNAMIC_DISPATCH(Attend)(run, blocks);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
