#include "retriever/query_scorer.h"

#include <array>
#include <bit>
#include <cmath>

#include "base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "retriever/query_scorer.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tandem::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kFloats;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr hn::CappedTag<float, 1> kOneFloat;
constexpr std::size_t kLanes = hn::MaxLanes(kFloats);

template <class D>
HWY_INLINE hn::Vec<D> load(D floats, const float* from) {
  return hn::LoadU(floats, from);
}

template <class D>
HWY_INLINE hn::Vec<D> load(D floats, const hwy::float16_t* from) {
  const hn::Rebind<hwy::float16_t, D> halves;
  return hn::PromoteTo(floats, hn::LoadU(halves, from));
}

template <class D>
HWY_INLINE hn::Vec<D> load(D floats, const std::uint8_t* from) {
  const hn::Rebind<std::uint8_t, D> bytes;
  const hn::Rebind<std::int32_t, D> integers;
  return hn::ConvertTo(floats, hn::PromoteTo(integers, hn::LoadU(bytes, from)));
}

template <class D>
HWY_INLINE hn::Vec<D> load(D floats, const std::uint16_t* upper) {
  const hn::Rebind<std::uint16_t, D> halves;
  const hn::Rebind<std::uint32_t, D> words;
  return hn::BitCast(floats, hn::ShiftLeft<16>(hn::PromoteTo(words, hn::LoadU(halves, upper))));
}

// Two sums for each row: with four rows the products of eight registers are under way at a time,
// which is what it takes to wait for none of them.
template <std::size_t kRows, class T>
HWY_INLINE void multiply(std::span<const float> query, const std::array<const T*, kRows>& rows,
                         float* out) {
  Floats even[kRows];
  Floats odd[kRows];
  for (std::size_t row = 0; row < kRows; ++row) even[row] = odd[row] = hn::Zero(kFloats);
  std::size_t i = 0;
  for (; i + 2 * kLanes <= query.size(); i += 2 * kLanes) {
    const Floats first = hn::LoadU(kFloats, query.data() + i);
    const Floats second = hn::LoadU(kFloats, query.data() + i + kLanes);
    for (std::size_t row = 0; row < kRows; ++row) {
      even[row] = hn::MulAdd(first, load(kFloats, rows[row] + i), even[row]);
      odd[row] = hn::MulAdd(second, load(kFloats, rows[row] + i + kLanes), odd[row]);
    }
  }
  for (std::size_t row = 0; row < kRows; ++row) {
    float rest = 0;
    for (std::size_t j = i; j < query.size(); ++j) {
      rest += query[j] * hn::GetLane(load(kOneFloat, rows[row] + j));
    }
    out[row] = hn::GetLane(hn::SumOfLanes(kFloats, hn::Add(even[row], odd[row]))) + rest;
  }
}

template <class T>
HWY_INLINE void multiply_all(std::span<const float> query, const T* codes,
                             const std::uint32_t* numbers, std::span<float> out) {
  constexpr std::size_t kRows = 4;
  const auto row = [&](std::size_t i) {
    return codes + (numbers == nullptr ? i : numbers[i]) * query.size();
  };
  std::size_t i = 0;
  for (; i + kRows <= out.size(); i += kRows) {
    multiply<kRows, T>(query, {row(i), row(i + 1), row(i + 2), row(i + 3)}, &out[i]);
  }
  for (; i < out.size(); ++i) multiply<1, T>(query, {row(i)}, &out[i]);
}

void Multiply(VectorCoding coding, std::span<const float> query, const std::uint8_t* codes,
              const std::uint32_t* numbers, std::span<float> out) {
  switch (coding) {
    case VectorCoding::kFloat:
      return multiply_all(query, reinterpret_cast<const float*>(codes), numbers, out);
    case VectorCoding::kHalf:
      return multiply_all(query, reinterpret_cast<const hwy::float16_t*>(codes), numbers, out);
    case VectorCoding::kByte:
      return multiply_all(query, codes, numbers, out);
    case VectorCoding::kSplit:
      return multiply_all(query, reinterpret_cast<const std::uint16_t*>(codes), numbers, out);
  }
}

template <class D>
HWY_INLINE hn::Vec<D> load_split(D floats, const std::uint16_t* code, const std::int16_t* rest) {
  const hn::Rebind<std::int16_t, D> halves;
  const hn::Rebind<std::int32_t, D> words;
  const auto upper = hn::BitCast(words, load(floats, code));
  return hn::BitCast(floats, hn::Add(upper, hn::PromoteTo(words, hn::LoadU(halves, rest))));
}

float MultiplySplit(std::span<const float> query, const std::uint16_t* code,
                    const std::int16_t* rest) {
  Floats sum = hn::Zero(kFloats);
  std::size_t i = 0;
  for (; i + kLanes <= query.size(); i += kLanes) {
    sum = hn::MulAdd(hn::LoadU(kFloats, query.data() + i), load_split(kFloats, code + i, rest + i),
                     sum);
  }
  float remaining = 0;
  for (; i < query.size(); ++i) {
    remaining += query[i] * hn::GetLane(load_split(kOneFloat, code + i, rest + i));
  }
  return hn::GetLane(hn::SumOfLanes(kFloats, sum)) + remaining;
}

}  // namespace tandem::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem {

HWY_EXPORT(Multiply);
HWY_EXPORT(MultiplySplit);

std::size_t code_bytes(VectorCoding coding, std::size_t dimension) {
  switch (coding) {
    case VectorCoding::kFloat:
      return dimension * sizeof(float);
    case VectorCoding::kHalf:
    case VectorCoding::kSplit:
      return dimension * sizeof(std::uint16_t);
    case VectorCoding::kByte:
      return dimension;
  }
  return 0;
}

void split_floats(std::span<const float> values, std::span<std::uint16_t> codes,
                  std::span<std::int16_t> rests) {
  TANDEM_CHECK(codes.size() == values.size() && rests.size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    const std::uint32_t code = (bits + 0x8000) >> 16;
    codes[i] = static_cast<std::uint16_t>(code);
    rests[i] = static_cast<std::int16_t>(bits - (code << 16));
  }
}

QueryScorer::QueryScorer(VectorCoding coding, std::span<const float> ranges, float length,
                         std::span<const float> query)
    : coding_(coding), query_(query) {
  if (coding == VectorCoding::kByte) {
    TANDEM_CHECK(ranges.size() == 2 * query.size());
    for (std::size_t i = 0; i < query.size(); ++i) {
      const float step = ranges[query.size() + i] / 255;
      offset_ += query[i] * (ranges[i] + step / 2);
      scaled_.push_back(query[i] * step);
    }
    query_ = scaled_;
  }
  if (coding == VectorCoding::kSplit) {
    // Rounding changes a number by a 256th of it at most, and the product by as much of that of the
    // lengths (by the inequality of Cauchy and Schwarz); and sums of floats are a little off.
    float square = 0;
    for (const float value : query) square += value * value;
    error_ = (0x1p-8f + 0x1p-16f) * std::sqrt(square) * length;
  }
}

float QueryScorer::exact_score(const std::uint8_t* code, const std::uint8_t* rest) const {
  return HWY_DYNAMIC_DISPATCH(MultiplySplit)(query_, reinterpret_cast<const std::uint16_t*>(code),
                                             reinterpret_cast<const std::int16_t*>(rest));
}

void QueryScorer::score(const std::uint8_t* codes, const std::uint32_t* numbers,
                        std::span<float> scores) const {
  HWY_DYNAMIC_DISPATCH(Multiply)(coding_, query_, codes, numbers, scores);
  if (coding_ != VectorCoding::kByte) return;
  for (float& score : scores) score += offset_;
}

void QueryScorer::score(const std::uint8_t* codes, std::span<float> scores) const {
  score(codes, nullptr, scores);
}

void QueryScorer::score(const std::uint8_t* codes, std::span<const std::uint32_t> numbers,
                        std::span<float> scores) const {
  TANDEM_CHECK(numbers.size() == scores.size());
  score(codes, numbers.data(), scores);
}

}  // namespace tandem
#endif  // HWY_ONCE
