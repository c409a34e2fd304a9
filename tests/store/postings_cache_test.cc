#include "store/postings_cache.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

std::shared_ptr<const TermPostings> postings_of(std::size_t size) {
  auto postings = std::make_shared<TermPostings>();
  postings->bytes.assign(size, 'x');
  return postings;
}

TEST(PostingsCacheTest, FindsOnlyWhatIsOfTheSameMoment) {
  PostingsCache cache(1 << 20);
  const auto postings = postings_of(10);
  cache.insert("a", 5, postings);
  EXPECT_EQ(cache.find("a", 5), postings);
  EXPECT_EQ(cache.find("a", 4), nullptr);
  EXPECT_EQ(cache.find("a", 6), nullptr);
  EXPECT_EQ(cache.find("b", 5), nullptr);
  // A search that began earlier does not replace what a later one has seen.
  cache.insert("a", 4, postings_of(10));
  EXPECT_EQ(cache.find("a", 5), postings);
  const auto newer = postings_of(10);
  cache.insert("a", 6, newer);
  EXPECT_EQ(cache.find("a", 6), newer);
  EXPECT_EQ(cache.find("a", 5), nullptr);
}

TEST(PostingsCacheTest, ForgetsWhatWasNotUsedForLongest) {
  PostingsCache cache(3000);
  cache.insert("a", 1, postings_of(1000));
  cache.insert("b", 1, postings_of(1000));
  EXPECT_TRUE(cache.find("a", 1));
  cache.insert("c", 1, postings_of(1000));
  EXPECT_TRUE(cache.find("a", 1));
  EXPECT_FALSE(cache.find("b", 1));
  EXPECT_TRUE(cache.find("c", 1));
  cache.insert("d", 1, postings_of(4000));  // larger than all of it
  EXPECT_FALSE(cache.find("d", 1));
  EXPECT_TRUE(cache.find("a", 1));
}

}  // namespace
}  // namespace tandem
