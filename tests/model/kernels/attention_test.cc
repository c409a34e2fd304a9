#include "model/kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "model/kernels/tile_attention.h"
#include "model/kernels/tiles.h"
#include "tests/support/simd_targets.h"

namespace tandem::kernels {
namespace {

constexpr std::size_t kPositions = 75;

// Rounded to half precision, for numbers in its normal range.
float as_half(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0xFFF + ((bits >> 13) & 1)) & 0xFFFFE000u;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

struct Cache {
  Cache(std::size_t head_size, std::mt19937& random)
      : keys(kPositions * head_size), values(kPositions * head_size) {
    for (auto* numbers : {&keys, &values})
      for (float& value : *numbers) value = std::normal_distribution<float>()(random);
    const std::size_t count = (kPositions + kBlockPositions - 1) / kBlockPositions;
    memory.resize(count, std::vector<std::uint16_t>(2 * block_elements(head_size)));
    for (std::size_t i = 0; i < kPositions; ++i)
      store_key_value(&keys[i * head_size], &values[i * head_size], head_size, i % kBlockPositions,
                      memory[i / kBlockPositions].data());
    for (const auto& block : memory) blocks.push_back(block.data());
    for (auto* numbers : {&keys, &values})
      for (float& value : *numbers) value = as_half(value);
  }

  std::vector<float> keys;
  std::vector<float> values;
  std::vector<std::vector<std::uint16_t>> memory;
  std::vector<const std::uint16_t*> blocks;
};

class AttentionTest : public testing::SimdTest {};

TEST_P(AttentionTest, MatchesDoublePrecision) {
  std::mt19937 random(20261126);
  for (const std::size_t size : {std::size_t{6}, std::size_t{64}, std::size_t{80}}) {
    const Cache cache(size, random);
    for (const std::size_t heads : {1, 2, 3, 4, 7}) {
      std::vector<float> query(heads * size);
      for (float& value : query) value = 2 * std::normal_distribution<float>()(random);
      for (const auto& [begin, end] : std::vector<std::pair<std::size_t, std::size_t>>{
               {0, 1}, {0, 32}, {0, 33}, {0, 75}, {40, 75}, {31, 33}, {64, 70}}) {
        std::vector<float> out(heads * size);
        attend(query.data(), heads, size, 0.3f, cache.blocks, begin, end, out.data());
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
  const Cache cache(64, random);
  std::vector<float> query(64);
  for (float& value : query) value = 100 * std::normal_distribution<float>()(random);
  std::vector<float> out(64);
  attend(query.data(), 1, 64, 1.0f, cache.blocks, 0, kPositions, out.data());
  for (const float value : out) EXPECT_TRUE(std::isfinite(value));
}

TANDEM_FOR_EVERY_SIMD_TARGET(AttentionTest);

// attend() of the same row, which other tests hold to double precision, up to bfloat16's precision.
TEST(TileAttentionTest, MatchesAttentionOfSingleRows) {
  if (!tiles_available()) GTEST_SKIP() << "this processor has no tiles";
  std::mt19937 random(20261126);
  for (const std::size_t size : {std::size_t{32}, std::size_t{64}, std::size_t{96}}) {
    const Cache cache(size, random);
    for (const std::size_t window : {0, 5, 40}) {
      for (const auto& [first, count] :
           std::vector<std::pair<std::size_t, std::size_t>>{{0, 16}, {59, 16}, {31, 2}, {70, 1}}) {
        SCOPED_TRACE(::testing::Message()
                     << size << " window " << window << " from " << first << " count " << count);
        constexpr std::size_t kHeads = 3;
        const std::size_t stride = kHeads * size + 5;
        std::vector<float> query(count * stride);
        for (float& value : query) value = std::normal_distribution<float>()(random);
        std::vector<float> out(count * kHeads * size);
        attend_tiles(query.data(), stride, kHeads, count, first, size, 0.3f, window, cache.blocks,
                     out.data(), kHeads * size);
        for (std::size_t row = 0; row < count; ++row) {
          const std::size_t end = first + row + 1;
          const std::size_t begin = window > 0 && end > window ? end - window : 0;
          std::vector<float> expected(kHeads * size);
          attend(&query[row * stride], kHeads, size, 0.3f, cache.blocks, begin, end,
                 expected.data());
          std::vector<float> alone(kHeads * size);
          attend_tiles(&query[row * stride], stride, kHeads, 1, first + row, size, 0.3f, window,
                       cache.blocks, alone.data(), kHeads * size);
          for (std::size_t k = 0; k < kHeads * size; ++k) {
            ASSERT_NEAR(out[row * kHeads * size + k], expected[k], 0.01) << row << " " << k;
            ASSERT_EQ(out[row * kHeads * size + k], alone[k]) << row << " " << k;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tandem::kernels
