#include "generator/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace tandem {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

DecoderConfig small_config() {
  DecoderConfig config;
  config.layer_count = 2;
  config.kv_head_count = 1;
  config.head_size = 16;
  return config;
}

std::vector<TokenId> tokens_from(TokenId first, std::size_t count) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

class PrefixCacheTest : public ::testing::Test {
 protected:
  // Blocks of a sequence of `count` tokens that ends again at once.
  void remember(const std::vector<TokenId>& tokens) {
    KvSequence sequence(pool_);
    const std::vector<KvBlock> known = cache_.find(tokens);
    sequence.adopt(known, static_cast<int>(known.size() * 32));
    ASSERT_TRUE(sequence.reserve(static_cast<int>(tokens.size())));
    sequence.advance(static_cast<int>(tokens.size()) - sequence.length());
    cache_.insert(tokens, sequence.blocks());
  }

  KvPool pool_{small_config(), std::size_t{1} << 20};
  PrefixCache cache_{pool_};
};

TEST_F(PrefixCacheTest, FindsTheLongestCommonBeginning) {
  remember(tokens_from(0, 100));
  EXPECT_EQ(cache_.size(), 3u);
  EXPECT_EQ(pool_.blocks_in_use(), 3u);
  EXPECT_EQ(cache_.find(tokens_from(0, 100)).size(), 3u);
  EXPECT_EQ(cache_.find(tokens_from(0, 64)).size(), 2u);
  EXPECT_EQ(cache_.find(tokens_from(0, 63)).size(), 1u);
  EXPECT_THAT(cache_.find(tokens_from(1, 100)), IsEmpty());
}

TEST_F(PrefixCacheTest, BranchesShareTheirBeginning) {
  std::vector<TokenId> first = tokens_from(0, 64);
  std::vector<TokenId> second = first;
  second[40] = 999;
  remember(first);
  remember(second);
  EXPECT_EQ(cache_.size(), 3u);
  const auto a = cache_.find(first);
  const auto b = cache_.find(second);
  EXPECT_EQ(a[0], b[0]);
  EXPECT_NE(a[1], b[1]);
}

TEST_F(PrefixCacheTest, ForgetsTheEndsUsedLongestAgo) {
  remember(tokens_from(0, 96));
  remember(tokens_from(1000, 64));
  const auto kept = cache_.find(tokens_from(0, 64));
  EXPECT_EQ(cache_.evict(2), 2u);
  // The unused path goes from its end; the one just used keeps what was used.
  EXPECT_EQ(cache_.size(), 3u);
  EXPECT_THAT(cache_.find(tokens_from(0, 64)), ElementsAreArray(kept));
}

TEST_F(PrefixCacheTest, BlocksInUseAreNotCountedAsFreed) {
  remember(tokens_from(0, 64));
  KvSequence sequence(pool_);
  const auto known = cache_.find(tokens_from(0, 64));
  sequence.adopt(known, 64);
  EXPECT_EQ(cache_.evict(5), 0u);
  EXPECT_EQ(cache_.size(), 0u);
  EXPECT_EQ(pool_.blocks_in_use(), 2u);
  sequence.clear();
  EXPECT_EQ(pool_.blocks_in_use(), 0u);
}

}  // namespace
}  // namespace tandem
