#include "model/kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tests/model/kernels/key_value_samples.h"
#include "tests/support/simd_targets.h"

namespace tandem::kernels {
namespace {

using testing::KeyValueSamples;
using testing::row_over;
using testing::single_row;

constexpr std::size_t kPositions = KeyValueSamples<std::uint16_t>::kPositions;

// Rounded to half precision, for numbers in its normal range.
float as_half(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0xFFF + ((bits >> 13) & 1)) & 0xFFFFE000u;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

// Runs that begin and end within a block, and windows that let go of one.
template <class Element>
void expect_rows_as_alone(std::size_t size) {
  std::mt19937 random(20261127);
  const KeyValueSamples<Element> cache(size, random);
  const std::span<const Element* const> blocks(cache.blocks);
  for (const std::size_t heads : {1, 3, 4}) {
    for (const std::size_t window : {0, 5, 40}) {
      for (const auto& [first, rows] : std::vector<std::pair<std::size_t, std::size_t>>{
               {0, 16}, {0, 75}, {59, 16}, {31, 2}, {70, 1}}) {
        SCOPED_TRACE(::testing::Message() << size << " heads " << heads << " window " << window
                                          << " from " << first << " rows " << rows);
        const std::size_t stride = heads * size + 5;
        std::vector<float> query(rows * stride);
        for (float& value : query) value = std::normal_distribution<float>()(random);
        std::vector<float> out(rows * heads * size);
        const QueryRun run = {query.data(), stride, out.data(), heads * size, rows,
                              heads,        size,   first,      window,       0.3f};
        attend(run, blocks);
        for (std::size_t row = 0; row < rows; ++row) {
          std::vector<float> alone(heads * size);
          attend(single_row(run, row, alone.data()), blocks);
          for (std::size_t k = 0; k < heads * size; ++k)
            ASSERT_EQ(out[row * heads * size + k], alone[k]) << row << " " << k;
        }
      }
    }
  }
}

class AttentionTest : public testing::SimdTest {};

TEST_P(AttentionTest, MatchesDoublePrecision) {
  std::mt19937 random(20261126);
  for (const std::size_t size : {std::size_t{6}, std::size_t{64}, std::size_t{80}}) {
    KeyValueSamples<std::uint16_t> cache(size, random);
    for (auto* numbers : {&cache.keys, &cache.values})
      for (float& value : *numbers) value = as_half(value);
    for (const std::size_t heads : {1, 2, 3, 4, 7}) {
      std::vector<float> query(heads * size);
      for (float& value : query) value = 2 * std::normal_distribution<float>()(random);
      for (const auto& [begin, end] : std::vector<std::pair<std::size_t, std::size_t>>{
               {0, 1}, {0, 32}, {0, 33}, {0, 75}, {40, 75}, {31, 33}, {64, 70}}) {
        std::vector<float> out(heads * size);
        attend(row_over(query, size, 0.3f, begin, end, out.data()), cache.blocks);
        for (std::size_t h = 0; h < heads; ++h) {
          std::vector<double> weights;
          double total = 0;
          for (std::size_t i = begin; i < end; ++i) {
            double score = 0;
            for (std::size_t k = 0; k < size; ++k)
              score += double{query[h * size + k]} * double{cache.keys[i * size + k]};
            weights.push_back(std::exp(0.3f * score));
            total += weights.back();
          }
          for (std::size_t k = 0; k < size; ++k) {
            double sum = 0;
            for (std::size_t i = begin; i < end; ++i)
              sum += weights[i - begin] / total * double{cache.values[i * size + k]};
            ASSERT_NEAR(out[h * size + k], sum, 2e-5)
                << "size " << size << " head " << h << " of " << heads << " [" << begin << ", "
                << end << ")";
          }
        }
      }
    }
  }
}

// Scores that would overflow the exponential without the running maximum.
TEST_P(AttentionTest, LargeScoresStayFinite) {
  std::mt19937 random(1);
  const KeyValueSamples<std::uint16_t> cache(64, random);
  std::vector<float> query(64);
  for (float& value : query) value = 100 * std::normal_distribution<float>()(random);
  std::vector<float> out(64);
  attend(row_over(query, 64, 1.0f, 0, kPositions, out.data()), cache.blocks);
  for (const float value : out) EXPECT_TRUE(std::isfinite(value));
}

TEST_P(AttentionTest, RowsOfARunGetWhatTheyGetAlone) {
  for (const std::size_t size : {6, 64, 80}) {
    expect_rows_as_alone<std::uint16_t>(size);
    expect_rows_as_alone<std::byte>(size);
  }
}

TANDEM_FOR_EVERY_SIMD_TARGET(AttentionTest);

}  // namespace
}  // namespace tandem::kernels
