#include "store/byte_cache.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/file.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

constexpr std::uint64_t kLimit = 16u << 20;

std::uint64_t size_of(const std::filesystem::path& folder) {
  std::uint64_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) size += entry.file_size();
  return size;
}

TEST(ByteCacheTest, KeepsBytesOverARestart) {
  const testing::TemporaryFolder folder;
  const std::string value("a\0b", 3);
  {
    const auto cache = ByteCache::open(folder.path() / "new", kLimit);
    ASSERT_NE(cache, nullptr);
    EXPECT_EQ(cache->get("key"), std::nullopt);
    cache->put("key", value);
    EXPECT_EQ(cache->get("key"), value);
  }
  const auto cache = ByteCache::open(folder.path() / "new", kLimit);
  ASSERT_NE(cache, nullptr);
  EXPECT_EQ(cache->get("key"), value);
}

TEST(ByteCacheTest, ForgetsTheOldestBeyondItsLimit) {
  const testing::TemporaryFolder folder;
  constexpr int kEntries = 160;  // of half a megabyte
  {
    const auto cache = ByteCache::open(folder.path(), kLimit);
    for (int i = 0; i < kEntries; ++i) {
      const std::string key = std::to_string(i);
      // What comes faster than the disk takes it is left out.
      while (!cache->get(key)) {
        cache->put(key, std::string(1u << 19, static_cast<char>(i)));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }
  const auto cache = ByteCache::open(folder.path(), kLimit);
  EXPECT_FALSE(cache->get("0").has_value());
  int known = 0;
  for (int i = 0; i < kEntries; ++i) known += cache->get(std::to_string(i)).has_value() ? 1 : 0;
  EXPECT_GT(known, 8);
  EXPECT_TRUE(cache->get(std::to_string(kEntries - 1)).has_value());
  EXPECT_LT(size_of(folder.path()), kLimit + kLimit / 4);
}

TEST(ByteCacheTest, AFolderInUseIsLeftAlone) {
  const testing::TemporaryFolder folder;
  const auto cache = ByteCache::open(folder.path(), kLimit);
  cache->put("key", "value");
  EXPECT_EQ(ByteCache::open(folder.path(), kLimit), nullptr);
  EXPECT_EQ(cache->get("key"), "value");
}

TEST(ByteCacheTest, DamagedFilesAreMadeAnew) {
  const testing::TemporaryFolder folder;
  ByteCache::open(folder.path(), kLimit)->put("key", "value");
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename();
    if (name.starts_with("MANIFEST")) write_file_atomic(entry.path(), "not a manifest");
  }
  const auto cache = ByteCache::open(folder.path(), kLimit);
  ASSERT_NE(cache, nullptr);
  EXPECT_EQ(cache->get("key"), std::nullopt);
  cache->put("key", "value");
  EXPECT_EQ(cache->get("key"), "value");
}

TEST(ByteCacheTest, WhereNoFolderCanBeThereIsNoCache) {
  const testing::TemporaryFolder folder;
  write_file_atomic(folder.path() / "file", "");
  EXPECT_EQ(ByteCache::open(folder.path() / "file" / "cache", kLimit), nullptr);
}

}  // namespace
}  // namespace tandem
