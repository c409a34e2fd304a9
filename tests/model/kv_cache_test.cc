#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tandem {
namespace {

DecoderConfig small_config() {
  DecoderConfig config;
  config.layer_count = 2;
  config.kv_head_count = 3;
  config.head_size = 16;
  return config;
}

class KvCacheTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBlockBytes = 2 * 3 * 2 * 16 * 32 * sizeof(std::uint16_t);
  KvPool pool_{small_config(), 4 * kBlockBytes};
};

TEST_F(KvCacheTest, BlocksAreTakenAsPositionsAreAndGivenBack) {
  EXPECT_EQ(pool_.block_bytes(), kBlockBytes);
  EXPECT_EQ(pool_.block_limit(), 4u);
  {
    KvSequence sequence(pool_);
    ASSERT_TRUE(sequence.reserve(33));
    EXPECT_EQ(pool_.blocks_in_use(), 2u);
    sequence.advance(33);
    sequence.truncate(32);
    EXPECT_EQ(pool_.blocks_in_use(), 1u);
    EXPECT_FALSE(sequence.reserve(32 * 5));
    EXPECT_EQ(sequence.length(), 32);
  }
  EXPECT_EQ(pool_.blocks_in_use(), 0u);
}

TEST_F(KvCacheTest, ASharedBlockIsCopiedBeforeItIsWritten) {
  KvSequence first(pool_);
  ASSERT_TRUE(first.reserve(40));
  first.advance(40);
  first.halves(1, 1, 2)[5] = 77;
  KvSequence second(pool_);
  second.adopt(first.blocks(), 40);
  EXPECT_EQ(pool_.blocks_in_use(), 2u);
  ASSERT_TRUE(second.reserve(41));
  EXPECT_EQ(pool_.blocks_in_use(), 3u);
  EXPECT_EQ(second.blocks()[0], first.blocks()[0]);
  EXPECT_NE(second.blocks()[1], first.blocks()[1]);
  EXPECT_EQ(second.halves(1, 1, 2)[5], 77);
  second.halves(1, 1, 2)[5] = 78;
  EXPECT_EQ(first.halves(1, 1, 2)[5], 77);
  first.clear();
  second.clear();
  EXPECT_EQ(pool_.blocks_in_use(), 0u);
}

TEST_F(KvCacheTest, EightBitsTakeLittleMoreThanHalf) {
  const KvPool bytes(small_config(), 4 * kBlockBytes, KvType::kInt8);
  // Two floats for each position and head beside its 32 bytes.
  EXPECT_EQ(bytes.block_bytes(), 2 * 3 * 32 * (2 * 16 + 2 * sizeof(float)));
  EXPECT_EQ(bytes.block_limit(), 6u);
}

TEST_F(KvCacheTest, SharedBlocksOfEightBitsAreCopiedWhole) {
  KvPool pool(small_config(), 4 * kBlockBytes, KvType::kInt8);
  KvSequence first(pool);
  ASSERT_TRUE(first.reserve(40));
  first.advance(40);
  const std::size_t head_bytes = pool.block_bytes() / 6;
  for (int layer = 0; layer < 2; ++layer)
    for (int head = 0; head < 3; ++head)
      std::fill_n(first.memory(1, layer, head), head_bytes,
                  static_cast<std::byte>(10 * layer + head + 1));
  KvSequence second(pool);
  second.adopt(first.blocks(), 40);
  ASSERT_TRUE(second.reserve(41));
  for (int layer = 0; layer < 2; ++layer)
    for (int head = 0; head < 3; ++head)
      for (std::size_t i = 0; i < head_bytes; ++i)
        ASSERT_EQ(second.memory(1, layer, head)[i], static_cast<std::byte>(10 * layer + head + 1));
}

TEST_F(KvCacheTest, HeadsAndLayersDoNotOverlap) {
  KvSequence sequence(pool_);
  ASSERT_TRUE(sequence.reserve(64));
  for (std::size_t block = 0; block < 2; ++block)
    for (int layer = 0; layer < 2; ++layer)
      for (int head = 0; head < 3; ++head)
        for (std::size_t i = 0; i < 2 * 16 * 32; ++i)
          sequence.halves(block, layer, head)[i] =
              static_cast<std::uint16_t>(block * 100 + static_cast<std::size_t>(layer * 10 + head));
  for (std::size_t block = 0; block < 2; ++block)
    for (int layer = 0; layer < 2; ++layer)
      for (int head = 0; head < 3; ++head)
        for (std::size_t i = 0; i < 2 * 16 * 32; ++i)
          ASSERT_EQ(sequence.halves(block, layer, head)[i],
                    block * 100 + static_cast<std::size_t>(layer * 10 + head));
}

}  // namespace
}  // namespace tandem
