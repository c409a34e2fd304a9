#include "model/kernels/byte_attention.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/byte_attention.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "model/kernels/attention-inl.h"
#include "model/kernels/byte_products-inl.h"
#include "model/kernels/halves-inl.h"

HWY_BEFORE_NAMESPACE();
#if HWY_TARGET == HWY_AVX3_DL
// As in byte_products-inl.h.
#pragma GCC target("avx512vnni")
#endif
namespace tandem::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Scales are rounded to nothing smaller, whose inverse would be infinite.
constexpr float kLeastScale = 1e-30f;

// The parts of a block, see byte_attention.h.
template <class Byte>
struct Parts {
  template <class T>
  using Of = std::conditional_t<std::is_const_v<Byte>, const T, T>;

  Parts(Byte* block, std::size_t padded)
      : key_scales(reinterpret_cast<Of<float>*>(block)),
        value_scales(key_scales + kBlockPositions),
        keys(reinterpret_cast<Of<std::uint8_t>*>(value_scales + kBlockPositions)),
        values(reinterpret_cast<Of<std::int8_t>*>(keys + padded * kBlockPositions)) {}

  Of<float>* key_scales;
  Of<float>* value_scales;
  Of<std::uint8_t>* keys;
  Of<std::int8_t>* values;
};

std::size_t key_place(std::size_t channel, std::size_t position) {
  return channel / 4 * 4 * kBlockPositions + 4 * position + channel % 4;
}
std::size_t value_place(std::size_t channel, std::size_t position, std::size_t padded) {
  return position / 4 * 4 * padded + 4 * channel + position % 4;
}

// One of the passes after each of which half as many differences are left to take: of neighbours
// sums to the first half, differences to the second. After as many as the order has bits each place
// has the sum over its row of the matrix.
HWY_INLINE void pass_of_spread(const float* from, float* to, std::size_t order) {
  const std::size_t half = order / 2;
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  for (; i + kLanes <= half; i += kLanes) {
    const Floats low = hn::LoadU(kFloats, from + 2 * i);
    const Floats high = hn::LoadU(kFloats, from + 2 * i + kLanes);
    const Floats even = hn::ConcatEven(kFloats, high, low);
    const Floats odd = hn::ConcatOdd(kFloats, high, low);
    hn::StoreU(hn::Add(even, odd), kFloats, to + i);
    hn::StoreU(hn::Sub(even, odd), kFloats, to + half + i);
  }
#endif
  for (; i < half; ++i) {
    const float even = from[2 * i];
    const float odd = from[2 * i + 1];
    to[i] = even + odd;
    to[half + i] = even - odd;
  }
}

// `head` is [padded]. The order is the largest power of two that divides it, at least 16.
void Spread(float* head, std::size_t padded) {
  HWY_ALIGN float other[kMaxHeadSize];
  const std::size_t order = padded & (~padded + 1);
  const float factor = 1.0f / std::sqrt(static_cast<float>(order));
  for (std::size_t first = 0; first < padded; first += order) {
    float* from = head + first;
    float* to = other;
    for (std::size_t left = order; left > 1; left /= 2) {
      pass_of_spread(from, to, order);
      std::swap(from, to);
    }
    for (std::size_t i = 0; i < order; i += kLanes)
      hn::StoreU(hn::Mul(hn::LoadU(kFloats, from + i), hn::Set(kFloats, factor)), kFloats,
                 head + first + i);
  }
}

// A head with its padding, spread.
struct SpreadHead {
  SpreadHead(const float* head, std::size_t head_size) {
    const std::size_t padded = padded_head(head_size);
    std::copy_n(head, head_size, numbers);
    std::fill(numbers + head_size, numbers + padded, 0.0f);
    // As far as half precision reaches. A scale that is not finite would spoil the block for those
    // who have it next.
    const Floats limit = hn::Set(kFloats, 65504.0f);
    for (std::size_t i = 0; i < padded; i += kLanes)
      hn::Store(hn::Min(hn::Max(hn::Load(kFloats, numbers + i), hn::Neg(limit)), limit), kFloats,
                numbers + i);
    Spread(numbers, padded);
    Floats most = hn::Zero(kFloats);
    for (std::size_t i = 0; i < padded; i += kLanes)
      most = hn::Max(most, hn::Abs(hn::Load(kFloats, numbers + i)));
    largest = hn::GetLane(hn::MaxOfLanes(kFloats, most));
  }

  HWY_ALIGN float numbers[kMaxHeadSize];
  float largest = 0;
};

// Numbers of 14 bits, high * 128 + low, as bytes that can be multiplied in fours: not even AVX2's
// sums of two products with an unsigned byte overflow.
HWY_INLINE void split_signed(float number, std::int8_t& high, std::int8_t& low) {
  const auto whole = static_cast<int>(std::lrintf(number));
  high = static_cast<std::int8_t>((whole + 64) >> 7);
  low = static_cast<std::int8_t>(whole - 128 * high);
}

// Sums take four registers a query.
constexpr std::size_t kMostQueries = 4;

// One pass over the positions for kQueries queries.
template <std::size_t kQueries>
class Pass {
 public:
  Pass(const Query* queries, std::size_t head_size, float scale)
      : head_size_(head_size), softmax_(padded_head(head_size)) {
    constexpr float kMost = 63 * 128 + 63;
    for (std::size_t q = 0; q < kQueries; ++q) {
      const SpreadHead head(queries[q].numbers, head_size);
      const float step = std::max(head.largest / kMost, kLeastScale);
      int sum = 0;
      for (std::size_t i = 0; i < softmax_.padded; ++i) {
        split_signed(head.numbers[i] / step, high_[q][i], low_[q][i]);
        sum += 128 * high_[q][i] + low_[q][i];
      }
      steps_[q] = step * scale;
      offsets_[q] = -128 * sum;
    }
  }

  RunningSoftmax<kQueries>& softmax() { return softmax_; }

  void score(const std::byte* block) {
    const Parts<const std::byte> parts(block, softmax_.padded);
    score(parts.keys, parts.key_scales);
  }

  void add_values(const std::byte* block) {
    const Parts<const std::byte> parts(block, softmax_.padded);
    for (std::size_t q = 0; q < kQueries; ++q) split_weights(q, parts.value_scales);
    add_values(parts.values);
  }

  void finish(const Query* queries) {
    for (std::size_t q = 0; q < kQueries; ++q) {
      Spread(softmax_.sums_of(q), softmax_.padded);
      const float factor = 1.0f / softmax_.total_of(q);
      for (std::size_t i = 0; i < head_size_; ++i)
        queries[q].out[i] = softmax_.sums_of(q)[i] * factor;
    }
  }

 private:
  // Weights times the scales of their values, in 14 bits, relative to the largest in the block.
  void split_weights(std::size_t q, const float* scales) {
    constexpr float kMost = 127 * 128 + 127;
    float* const weights = softmax_.weights[q];
    Floats largest = hn::Zero(kFloats);
    for (std::size_t i = 0; i < kBlockPositions; i += kLanes) {
      const Floats scaled = hn::Mul(hn::Load(kFloats, weights + i), hn::LoadU(kFloats, scales + i));
      hn::Store(scaled, kFloats, weights + i);
      largest = hn::Max(largest, scaled);
    }
    const float step = hn::GetLane(hn::MaxOfLanes(kFloats, largest)) / kMost;
    weight_steps_[q] = step;
    const float inverse = step > kLeastScale ? 1.0f / step : 0.0f;
    for (std::size_t i = 0; i < kBlockPositions; ++i) {
      const auto whole = static_cast<int>(std::min(weights[i] * inverse + 0.5f, kMost));
      weight_high_[q][i] = static_cast<std::uint8_t>(whole >> 7);
      weight_low_[q][i] = static_cast<std::uint8_t>(whole & 127);
    }
  }

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

  void score(const std::uint8_t* keys, const float* scales) {
    for (std::size_t q = 0; q < kQueries; ++q) {
      for (std::size_t p = 0; p < kBlockPositions; ++p) {
        std::int32_t sum = offsets_[q];
        for (std::size_t i = 0; i < softmax_.padded; ++i)
          sum += (128 * high_[q][i] + low_[q][i]) * keys[key_place(i, p)];
        softmax_.weights[q][p] = static_cast<float>(sum) * scales[p] * steps_[q];
      }
    }
  }

  void add_values(const std::int8_t* values) {
    for (std::size_t q = 0; q < kQueries; ++q) {
      for (std::size_t i = 0; i < softmax_.padded; ++i) {
        std::int32_t sum = 0;
        for (std::size_t p = 0; p < kBlockPositions; ++p)
          sum += (128 * weight_high_[q][p] + weight_low_[q][p]) *
                 values[value_place(i, p, softmax_.padded)];
        softmax_.sums_of(q)[i] += static_cast<float>(sum) * weight_steps_[q];
      }
    }
  }

#else

  void score(const std::uint8_t* keys, const float* scales) {
    constexpr std::size_t kVectors = 2;
    for (std::size_t at = 0; at < kBlockPositions; at += kVectors * kLanes) {
      Ints high[kQueries][kVectors];
      Ints low[kQueries][kVectors];
      for (std::size_t q = 0; q < kQueries; ++q) {
        for (std::size_t v = 0; v < kVectors; ++v) {
          high[q][v] = hn::Zero(kInts);
          low[q][v] = hn::Set(kInts, offsets_[q]);
        }
      }
      for (std::size_t i = 0; i < softmax_.padded; i += 4) {
        Bytes key[kVectors];
        for (std::size_t v = 0; v < kVectors; ++v)
          key[v] = hn::LoadU(kBytes, keys + i * kBlockPositions + 4 * (at + v * kLanes));
        for (std::size_t q = 0; q < kQueries; ++q) {
          const Ints of_high = broadcast_bytes(&high_[q][i]);
          const Ints of_low = broadcast_bytes(&low_[q][i]);
          for (std::size_t v = 0; v < kVectors; ++v) {
            high[q][v] = add_products<false>(high[q][v], key[v], of_high);
            low[q][v] = add_products<false>(low[q][v], key[v], of_low);
          }
        }
      }
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Floats scale = hn::LoadU(kFloats, scales + at + v * kLanes);
        for (std::size_t q = 0; q < kQueries; ++q) {
          const Ints sum = hn::Add(hn::ShiftLeft<7>(high[q][v]), low[q][v]);
          hn::Store(
              hn::Mul(hn::ConvertTo(kFloats, sum), hn::Mul(scale, hn::Set(kFloats, steps_[q]))),
              kFloats, softmax_.weights[q] + at + v * kLanes);
        }
      }
    }
  }

  void add_values(const std::int8_t* values) {
    for (std::size_t at = 0; at < softmax_.padded; at += kLanes) {
      Ints high[kQueries];
      Ints low[kQueries];
      for (std::size_t q = 0; q < kQueries; ++q) high[q] = low[q] = hn::Zero(kInts);
      for (std::size_t p = 0; p < kBlockPositions; p += 4) {
        const Ints value =
            hn::BitCast(kInts, hn::LoadU(kBytes, reinterpret_cast<const std::uint8_t*>(values) +
                                                     p * softmax_.padded + 4 * at));
        for (std::size_t q = 0; q < kQueries; ++q) {
          const Bytes of_high = hn::BitCast(kBytes, broadcast_bytes(&weight_high_[q][p]));
          const Bytes of_low = hn::BitCast(kBytes, broadcast_bytes(&weight_low_[q][p]));
          high[q] = add_products<false>(high[q], of_high, value);
          low[q] = add_products<false>(low[q], of_low, value);
        }
      }
      for (std::size_t q = 0; q < kQueries; ++q) {
        const Ints sum = hn::Add(hn::ShiftLeft<7>(high[q]), low[q]);
        float* const sums = softmax_.sums_of(q) + at;
        hn::Store(hn::MulAdd(hn::ConvertTo(kFloats, sum), hn::Set(kFloats, weight_steps_[q]),
                             hn::Load(kFloats, sums)),
                  kFloats, sums);
      }
    }
  }

#endif  // HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

  const std::size_t head_size_;
  HWY_ALIGN std::int8_t high_[kQueries][kMaxHeadSize];
  HWY_ALIGN std::int8_t low_[kQueries][kMaxHeadSize];
  HWY_ALIGN std::uint8_t weight_high_[kQueries][kBlockPositions];
  HWY_ALIGN std::uint8_t weight_low_[kQueries][kBlockPositions];
  std::int32_t offsets_[kQueries];  // what the 128 that were added to keys add to scores
  float steps_[kQueries];
  float weight_steps_[kQueries];
  RunningSoftmax<kQueries> softmax_;
};

void StoreKeyValue(const float* key, const float* value, std::size_t head_size,
                   std::size_t position, std::byte* block) {
  const std::size_t padded = padded_head(head_size);
  const Parts<std::byte> parts(block, padded);
  const SpreadHead spread_key(key, head_size);
  const SpreadHead spread_value(value, head_size);
  const float key_scale = std::max(spread_key.largest / 127.0f, kLeastScale);
  const float value_scale = std::max(spread_value.largest / 127.0f, kLeastScale);
  parts.key_scales[position] = key_scale;
  parts.value_scales[position] = value_scale;
  for (std::size_t i = 0; i < padded; ++i) {
    parts.keys[key_place(i, position)] =
        static_cast<std::uint8_t>(std::lrintf(spread_key.numbers[i] / key_scale) + 128);
    parts.values[value_place(i, position, padded)] =
        static_cast<std::int8_t>(std::lrintf(spread_value.numbers[i] / value_scale));
  }
}

void ReadKeyValue(const std::byte* block, std::size_t head_size, std::size_t position, float* key,
                  float* value) {
  const std::size_t padded = padded_head(head_size);
  const Parts<const std::byte> parts(block, padded);
  HWY_ALIGN float numbers[kMaxHeadSize];
  for (std::size_t i = 0; i < padded; ++i)
    numbers[i] =
        parts.key_scales[position] * static_cast<float>(parts.keys[key_place(i, position)] - 128);
  Spread(numbers, padded);
  for (std::size_t i = 0; i < head_size; ++i) key[i] = numbers[i];
  for (std::size_t i = 0; i < padded; ++i)
    numbers[i] = parts.value_scales[position] *
                 static_cast<float>(parts.values[value_place(i, position, padded)]);
  Spread(numbers, padded);
  for (std::size_t i = 0; i < head_size; ++i) value[i] = numbers[i];
}

void ExpandBlock(const std::byte* block, std::size_t head_size, std::uint16_t* halves) {
  const std::size_t padded = padded_head(head_size);
  const Parts<const std::byte> parts(block, padded);
  // Byte `c` of each lane, with its sign.
  const auto number = [](Ints four, std::size_t c) HWY_ATTR {
    const auto up = static_cast<int>(24 - 8 * c);
    return hn::ConvertTo(kFloats, hn::ShiftRight<24>(hn::ShiftLeftSame(four, up)));
  };
  const auto load = [](const void* from) HWY_ATTR {
    return hn::LoadU(kInts, static_cast<const std::int32_t*>(from));
  };
  const Ints zero = hn::Set(kInts, static_cast<std::int32_t>(0x80808080));
  for (std::size_t i = 0; i < padded; i += 4) {
    for (std::size_t p = 0; p < kBlockPositions; p += kLanes) {
      const Floats scale = hn::LoadU(kFloats, parts.key_scales + p);
      const Ints four = hn::Xor(load(parts.keys + i * kBlockPositions + 4 * p), zero);
      for (std::size_t c = 0; c < 4; ++c)
        store_halves(hn::Mul(number(four, c), scale), halves + (i + c) * kBlockPositions + p);
    }
  }
  std::uint16_t* const values = halves + padded * kBlockPositions;
  for (std::size_t p = 0; p < kBlockPositions; p += 4) {
    for (std::size_t i = 0; i < padded; i += kLanes) {
      const Ints four = load(parts.values + p * padded + 4 * i);
      for (std::size_t c = 0; c < 4; ++c)
        store_halves(hn::Mul(number(four, c), hn::Set(kFloats, parts.value_scales[p + c])),
                     values + (p + c) * padded + i);
    }
  }
}

void Attend(const QueryRun& run, std::span<const std::byte* const> blocks) {
  attend_run<Pass, kMostQueries>(run, blocks);
}

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::kernels {
namespace {

HWY_EXPORT(StoreKeyValue);
HWY_EXPORT(ReadKeyValue);
HWY_EXPORT(ExpandBlock);
HWY_EXPORT(Spread);
HWY_EXPORT(Attend);

}  // namespace

void store_key_value(const float* key, const float* value, std::size_t head_size,
                     std::size_t position, std::byte* block) {
  TANDEM_CHECK(head_size <= kMaxHeadSize && position < kBlockPositions);
  HWY_DYNAMIC_DISPATCH(StoreKeyValue)(key, value, head_size, position, block);
}

void read_key_value(const std::byte* block, std::size_t head_size, std::size_t position, float* key,
                    float* value) {
  TANDEM_CHECK(head_size <= kMaxHeadSize && position < kBlockPositions);
  HWY_DYNAMIC_DISPATCH(ReadKeyValue)(block, head_size, position, key, value);
}

void expand_block(const std::byte* block, std::size_t head_size, std::uint16_t* halves) {
  TANDEM_CHECK(head_size <= kMaxHeadSize);
  HWY_DYNAMIC_DISPATCH(ExpandBlock)(block, head_size, halves);
}

void spread(float* head, std::size_t head_size) {
  TANDEM_CHECK(head_size <= kMaxHeadSize && head_size % 16 == 0);
  HWY_DYNAMIC_DISPATCH(Spread)(head, head_size);
}

void attend(const QueryRun& run, std::span<const std::byte* const> blocks) {
  TANDEM_CHECK(run.rows > 0 && run.heads > 0 && run.head_size <= kMaxHeadSize);
  TANDEM_CHECK(run.end_of(run.rows - 1) <= blocks.size() * kBlockPositions);
  HWY_DYNAMIC_DISPATCH(Attend)(run, blocks);
}

}  // namespace tandem::kernels
#endif  // HWY_ONCE
