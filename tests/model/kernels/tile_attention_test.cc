#include "model/kernels/tile_attention.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/model/kernels/key_value_samples.h"
#include "tests/support/tile_units.h"

namespace tandem::kernels {
namespace {

using testing::KeyValueSamples;
using testing::single_row;

using TileAttentionTest = testing::TileUnitTest;

// attend() of the same row, which other tests hold to double precision, up to bfloat16's precision.
template <class Element>
void expect_attention_of_single_rows(std::size_t size, bool large_channels, float tolerance) {
  std::mt19937 random(20261126);
  const KeyValueSamples<Element> cache(size, random, large_channels);
  const std::span<const Element* const> blocks(cache.blocks);
  for (const std::size_t window : {0, 5, 40}) {
    for (const auto& [first, count] :
         std::vector<std::pair<std::size_t, std::size_t>>{{0, 16}, {59, 16}, {31, 2}, {70, 1}}) {
      SCOPED_TRACE(::testing::Message()
                   << size << " window " << window << " from " << first << " count " << count);
      constexpr std::size_t kHeads = 3;
      constexpr float kScale = 0.3f;
      const std::size_t stride = kHeads * size + 5;
      std::vector<float> query(count * stride);
      for (float& value : query) value = std::normal_distribution<float>()(random);
      std::vector<float> out(count * kHeads * size);
      const QueryRun run = {query.data(), stride, out.data(), kHeads * size, count,
                            kHeads,       size,   first,      window,        kScale};
      attend_tiles(run, blocks);
      for (std::size_t row = 0; row < count; ++row) {
        std::vector<float> expected(kHeads * size);
        attend(single_row(run, row, expected.data()), blocks);
        std::vector<float> alone(kHeads * size);
        attend_tiles(single_row(run, row, alone.data()), blocks);
        for (std::size_t k = 0; k < kHeads * size; ++k) {
          ASSERT_NEAR(out[row * kHeads * size + k], expected[k], tolerance) << row << " " << k;
          ASSERT_EQ(out[row * kHeads * size + k], alone[k]) << row << " " << k;
        }
      }
    }
  }
}

TEST_P(TileAttentionTest, OfHalvesMatchesAttentionOfSingleRows) {
  for (const std::size_t size : {32, 64, 96})
    expect_attention_of_single_rows<std::uint16_t>(size, false, 0.01f);
}

// Where single rows have 14 bits of queries and weights, tiles have the 8 of bfloat16 for weights.
TEST_P(TileAttentionTest, OfBytesMatchesAttentionOfSingleRows) {
  for (const std::size_t size : {32, 64, 96, 256})
    expect_attention_of_single_rows<std::byte>(size, false, 0.02f);
}

TANDEM_FOR_EVERY_TILE_UNIT(TileAttentionTest);

}  // namespace
}  // namespace tandem::kernels
