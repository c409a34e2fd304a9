#include "model/kernels/byte_attention.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/model/kernels/key_value_samples.h"
#include "tests/support/half.h"
#include "tests/support/simd_targets.h"

namespace tandem::kernels {
namespace {

// An entry of the matrix that spreads heads of `padded` channels: blocks of Hadamard's on the
// diagonal, as Sylvester orders it.
double spread_entry(std::size_t i, std::size_t j, std::size_t padded) {
  const std::size_t order = std::size_t{1} << std::countr_zero(padded);
  if (i / order != j / order) return 0;
  const double sign = std::popcount(i % order & j % order) % 2 == 0 ? 1 : -1;
  return sign / std::sqrt(static_cast<double>(order));
}

// Reads a block by what byte_attention.h says of it, in double precision.
class BlockReader {
 public:
  BlockReader(const std::byte* block, std::size_t head_size)
      : block_(block), padded_(padded_head(head_size)) {}

  double key(std::size_t position, std::size_t channel) const {
    return unspread(channel, [&](std::size_t i) {
      const std::size_t place = 256 + i / 4 * 128 + position * 4 + i % 4;
      return scale(position) * (std::to_integer<int>(block_[place]) - 128);
    });
  }
  double value(std::size_t position, std::size_t channel) const {
    return unspread(channel, [&](std::size_t i) {
      const std::size_t place =
          256 + 32 * padded_ + position / 4 * 4 * padded_ + i * 4 + position % 4;
      return scale(32 + position) * static_cast<std::int8_t>(block_[place]);
    });
  }
  double scale(std::size_t index) const {
    float scale;
    std::memcpy(&scale, block_ + index * sizeof scale, sizeof scale);
    return double{scale};
  }

 private:
  template <class Number>
  double unspread(std::size_t channel, const Number& number) const {
    double sum = 0;
    for (std::size_t i = 0; i < padded_; ++i)
      if (const double entry = spread_entry(channel, i, padded_); entry != 0)
        sum += entry * number(i);
    return sum;
  }

  const std::byte* block_;
  std::size_t padded_;
};

using testing::row_over;
using Samples = testing::KeyValueSamples<std::byte>;
constexpr std::size_t kPositions = Samples::kPositions;

constexpr std::size_t kSizes[] = {6, 64, 80, 96, 256};

class ByteAttentionTest : public testing::SimdTest {
 protected:
  std::mt19937 random_{20261126};
};

TEST_P(ByteAttentionTest, PositionsAreKeptToHalfAStepOfTheirScale) {
  for (const std::size_t size : kSizes) {
    SCOPED_TRACE(size);
    const Samples cache(size, random_, /*large_channels=*/true);
    std::vector<float> key(size);
    std::vector<float> value(size);
    for (std::size_t i = 0; i < kPositions; ++i) {
      const std::byte* const block = cache.blocks[i / kBlockPositions];
      const BlockReader reader(block, size);
      const std::size_t position = i % kBlockPositions;
      read_key_value(block, size, position, key.data(), value.data());
      double key_squares = 0;
      double value_squares = 0;
      for (std::size_t k = 0; k < size; ++k) {
        const double kept_key = reader.key(position, k);
        const double kept_value = reader.value(position, k);
        ASSERT_NEAR(key[k], kept_key, 1e-4);
        ASSERT_NEAR(value[k], kept_value, 1e-4);
        key_squares += std::pow(kept_key - double{cache.keys[i * size + k]}, 2);
        value_squares += std::pow(kept_value - double{cache.values[i * size + k]}, 2);
      }
      // The matrix keeps lengths.
      const auto padded = static_cast<double>(padded_head(size));
      ASSERT_LT(std::sqrt(key_squares / padded), 0.5 * reader.scale(position));
      ASSERT_LT(std::sqrt(value_squares / padded), 0.5 * reader.scale(32 + position));
    }
  }
}

TEST_P(ByteAttentionTest, LargeChannelsLeaveTheOthersTheirBits) {
  constexpr std::size_t kSize = 64;
  const Samples cache(kSize, random_, /*large_channels=*/true);
  // The largest number of a key is about 40; alone it would make for a scale of 0.3.
  for (std::size_t i = 0; i < 32; ++i)
    EXPECT_LT(BlockReader(cache.blocks[0], kSize).scale(i), 0.1) << i;
}

TEST_P(ByteAttentionTest, MatchesDoublePrecision) {
  for (const std::size_t size : kSizes) {
    const Samples cache(size, random_, /*large_channels=*/true);
    std::vector<double> keys(kPositions * size);
    std::vector<double> values(kPositions * size);
    for (std::size_t i = 0; i < kPositions; ++i) {
      const BlockReader reader(cache.blocks[i / kBlockPositions], size);
      for (std::size_t k = 0; k < size; ++k) {
        keys[i * size + k] = reader.key(i % kBlockPositions, k);
        values[i * size + k] = reader.value(i % kBlockPositions, k);
      }
    }
    for (const std::size_t heads : {1, 2, 3, 4, 7}) {
      std::vector<float> query(heads * size);
      for (float& value : query) value = 2 * std::normal_distribution<float>()(random_);
      const float scale = 1 / std::sqrt(static_cast<float>(size));
      for (const auto& [begin, end] : std::vector<std::pair<std::size_t, std::size_t>>{
               {0, 1}, {0, 32}, {0, 33}, {0, 75}, {40, 75}, {31, 33}, {64, 70}}) {
        std::vector<float> out(heads * size);
        attend(row_over(query, size, scale, begin, end, out.data()), cache.blocks);
        for (std::size_t h = 0; h < heads; ++h) {
          std::vector<double> weights;
          double total = 0;
          for (std::size_t i = begin; i < end; ++i) {
            double score = 0;
            for (std::size_t k = 0; k < size; ++k)
              score += double{query[h * size + k]} * keys[i * size + k];
            weights.push_back(std::exp(double{scale} * score));
            total += weights.back();
          }
          for (std::size_t k = 0; k < size; ++k) {
            double sum = 0;
            for (std::size_t i = begin; i < end; ++i)
              sum += weights[i - begin] / total * values[i * size + k];
            // Of 14 bits of queries and weights.
            ASSERT_NEAR(out[h * size + k], sum, 3e-3)
                << "size " << size << " head " << h << " of " << heads << " [" << begin << ", "
                << end << ")";
          }
        }
      }
    }
  }
}

TEST_P(ByteAttentionTest, APositionIsWrittenWithoutTouchingOthers) {
  constexpr std::size_t kSize = 64;
  const Samples cache(kSize, random_, /*large_channels=*/true);
  std::vector<std::byte> block = cache.memory[0];
  const std::vector<float> large(kSize, 1000);
  store_key_value(large.data(), large.data(), kSize, 9, block.data());
  for (std::size_t p = 0; p < kBlockPositions; ++p) {
    std::vector<float> before(2 * kSize);
    std::vector<float> after(2 * kSize);
    read_key_value(cache.blocks[0], kSize, p, before.data(), &before[kSize]);
    read_key_value(block.data(), kSize, p, after.data(), &after[kSize]);
    EXPECT_EQ(before == after, p != 9) << p;
  }
}

// What a broken network writes must not reach those who get the block after it.
TEST_P(ByteAttentionTest, WhatIsNotFiniteStaysAtItsPosition) {
  constexpr std::size_t kSize = 64;
  Samples cache(kSize, random_, /*large_channels=*/true);
  std::vector<float> query(kSize, 0.5f);
  std::vector<float> expected(kSize);
  attend(row_over(query, kSize, 1, 0, 70, expected.data()), cache.blocks);
  for (const float bad :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    const std::vector<float> numbers(kSize, bad);
    store_key_value(numbers.data(), numbers.data(), kSize, 71 - 64, cache.memory[2].data());
    const BlockReader reader(cache.blocks[2], kSize);
    EXPECT_TRUE(std::isfinite(reader.scale(7)) && std::isfinite(reader.scale(32 + 7))) << bad;
    std::vector<float> out(kSize);
    attend(row_over(query, kSize, 1, 0, 70, out.data()), cache.blocks);
    EXPECT_EQ(out, expected);
  }
}

TEST_P(ByteAttentionTest, NothingAtAllIsKeptAsNothing) {
  constexpr std::size_t kSize = 32;
  const std::vector<float> zeros(kSize);
  std::vector<std::byte> block(byte_block_bytes(kSize));
  for (std::size_t p = 0; p < kBlockPositions; ++p)
    store_key_value(zeros.data(), zeros.data(), kSize, p, block.data());
  const std::byte* const blocks[] = {block.data()};
  std::vector<float> out(kSize, 1);
  attend(row_over(zeros, kSize, 1, 0, 32, out.data()), blocks);
  EXPECT_EQ(out, zeros);
}

// What tiles compute with.
TEST_P(ByteAttentionTest, ExpandedBlocksAreSpreadHalves) {
  for (const std::size_t size : {std::size_t{32}, std::size_t{64}, std::size_t{96}}) {
    const Samples cache(size, random_, /*large_channels=*/true);
    std::vector<std::uint16_t> halves(2 * block_elements(size));
    expand_block(cache.blocks[1], size, halves.data());
    const BlockReader reader(cache.blocks[1], size);
    for (std::size_t p = 0; p < kBlockPositions; ++p) {
      std::vector<float> key(size);
      std::vector<float> value(size);
      for (std::size_t i = 0; i < size; ++i) {
        key[i] = testing::from_half(halves[i * 32 + p]);
        value[i] = testing::from_half(halves[32 * size + p * size + i]);
      }
      spread(key.data(), size);
      spread(value.data(), size);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_NEAR(key[i], reader.key(p, i), 0.02) << p << " " << i;
        ASSERT_NEAR(value[i], reader.value(p, i), 0.005) << p << " " << i;
      }
    }
  }
}

TANDEM_FOR_EVERY_SIMD_TARGET(ByteAttentionTest);

}  // namespace
}  // namespace tandem::kernels
