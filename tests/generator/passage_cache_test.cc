#include "generator/passage_cache.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/paths.h"

namespace tandem {
namespace {

using Tokens = std::vector<TokenId>;

DecoderConfig small_config(int layers = 2) {
  DecoderConfig config;
  config.layer_count = layers;
  config.kv_head_count = 1;
  config.head_size = 16;
  return config;
}

Tokens passage(TokenId first, std::size_t count = 40) {
  Tokens tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// What a decoder would make of as many tokens.
std::shared_ptr<const PassageKv> kv_of(const Tokens& tokens) {
  const DecoderConfig config = small_config();
  KvPool pool(config, std::size_t{1} << 20);
  KvSequence sequence(pool);
  EXPECT_TRUE(sequence.reserve(static_cast<int>(tokens.size())));
  sequence.advance(static_cast<int>(tokens.size()));
  ThreadTeam team(1);
  return PassageKv::pack(config, sequence, team);
}

std::size_t record_bytes() {
  return kv_of(passage(0))->record().size();
}

TEST(PassageCacheTest, ForgetsThoseUsedLongestAgo) {
  PassageCache cache(small_config(), {.memory_bytes = 3 * record_bytes()});
  for (const TokenId first : {0, 1000, 2000}) cache.insert(passage(first), kv_of(passage(first)));
  EXPECT_NE(cache.find(passage(0)), nullptr);
  cache.insert(passage(3000), kv_of(passage(3000)));
  EXPECT_NE(cache.find(passage(0)), nullptr);
  EXPECT_EQ(cache.find(passage(1000)), nullptr);
  EXPECT_NE(cache.find(passage(3000)), nullptr);
  EXPECT_EQ(cache.find(passage(0, 39)), nullptr);
}

TEST(PassageCacheTest, KeepsNothingThatIsLargerThanItself) {
  PassageCache cache(small_config(), {.memory_bytes = record_bytes() - 1});
  cache.insert(passage(0), kv_of(passage(0)));
  EXPECT_EQ(cache.find(passage(0)), nullptr);
}

TEST(PassageCacheTest, FindsOnDiskWhatMemoryForgot) {
  const testing::TemporaryFolder folder;
  const auto disk = ByteCache::open(folder.path(), 1u << 26);
  PassageCache cache(small_config(),
                     {.memory_bytes = record_bytes(), .disk = disk.get(), .model = "a"});
  for (const TokenId first : {0, 1000}) cache.insert(passage(first), kv_of(passage(first)));
  EXPECT_EQ(cache.find_in_memory(passage(0)), nullptr);
  const auto found = cache.find(passage(0));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->record(), kv_of(passage(0))->record());
  EXPECT_EQ(cache.find_in_memory(passage(0)), found);
}

TEST(PassageCacheTest, IsNotMisledByAnotherModelOrADamagedRecord) {
  const testing::TemporaryFolder folder;
  const auto disk = ByteCache::open(folder.path(), 1u << 26);
  PassageCache cache(small_config(), {.disk = disk.get(), .model = "a"});
  cache.insert(passage(0), kv_of(passage(0)));
  PassageCache other(small_config(), {.disk = disk.get(), .model = "b"});
  EXPECT_EQ(other.find(passage(0)), nullptr);
  // A file that says it is the same model, but is not of its shape.
  PassageCache misshapen(small_config(3), {.disk = disk.get(), .model = "a"});
  EXPECT_EQ(misshapen.find(passage(0)), nullptr);
}

}  // namespace
}  // namespace tandem
