#include "trainer/passage_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "model/kernels/thread_team.h"
#include "tests/trainer/workers.h"

namespace tandem {
namespace {

std::vector<float> random_rows(std::size_t count, std::size_t dimension, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> rows(count * dimension);
  for (float& value : rows) value = normal(random);
  return rows;
}

TEST(PassageSearchTest, FindsWhatComparingWithEachFinds) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  constexpr std::size_t kDimension = 24;
  constexpr std::size_t kPassages = 700;  // blocks, the last of which is not full
  const auto passages = random_rows(kPassages, kDimension, random);
  const auto queries = random_rows(9, kDimension, random);
  const auto found = search_passages(passages, queries, kDimension, 20);
  ASSERT_EQ(found.size(), 9u);
  for (std::size_t q = 0; q < found.size(); ++q) {
    std::vector<std::pair<double, std::size_t>> expected;
    for (std::size_t p = 0; p < kPassages; ++p) {
      double score = 0;
      for (std::size_t i = 0; i < kDimension; ++i)
        score += double{queries[q * kDimension + i]} * double{passages[p * kDimension + i]};
      expected.emplace_back(-score, p);
    }
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(found[q].size(), 20u);
    for (std::size_t i = 0; i < 20; ++i) {
      // By score: two that differ by rounding alone may change places.
      EXPECT_NEAR(found[q][i].score, -expected[i].first, 1e-4) << q << " " << i;
      const auto named = std::find_if(expected.begin(), expected.end(), [&](const auto& each) {
        return each.second == found[q][i].index;
      });
      EXPECT_NEAR(found[q][i].score, -named->first, 1e-4) << q << " " << i;
    }
  }
}

TEST(PassageSearchTest, WorkersFindWhatOneFinds) {
  std::mt19937_64 random(5);
  constexpr std::size_t kDimension = 24;
  auto passages = random_rows(11, kDimension, random);
  // One that is there twice, at both ends.
  std::copy_n(passages.begin(), kDimension, passages.end() - kDimension);
  auto queries = random_rows(6, kDimension, random);
  std::copy_n(passages.begin(), kDimension, queries.begin());
  for (const std::size_t k : {1, 4, 20}) {
    const auto expected = search_passages(passages, queries, kDimension, k);
    testing::with_workers(3, [&](WorkerGroup& workers) {
      const auto [begin, end] = share_of(11, workers.rank(), workers.size());
      const auto own = std::span(passages).subspan(begin * kDimension, (end - begin) * kDimension);
      const auto found = search_passages(workers, own, begin, queries, kDimension, k);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t q = 0; q < found.size(); ++q) {
        ASSERT_EQ(found[q].size(), expected[q].size());
        for (std::size_t i = 0; i < found[q].size(); ++i) {
          EXPECT_EQ(found[q][i].index, expected[q][i].index);
          EXPECT_EQ(found[q][i].score, expected[q][i].score);
        }
      }
    });
  }
}

TEST(PassageSearchTest, PrefersTheFirstOfEqualPassagesWhateverElseIsAsked) {
  std::mt19937_64 random(1);
  constexpr std::size_t kDimension = 384;
  const auto row = random_rows(1, kDimension, random);
  std::vector<float> passages;
  for (int i = 0; i < 600; ++i) passages.insert(passages.end(), row.begin(), row.end());
  for (const std::size_t questions : {1, 3, 50}) {
    const auto queries = random_rows(questions, kDimension, random);
    for (const auto& found : search_passages(passages, queries, kDimension, 5)) {
      ASSERT_EQ(found.size(), 5u);
      for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(found[i].index, i);
    }
  }
}

TEST(PassageSearchTest, GivesAllWhereThereAreFewerAndNoneThatIsNoNumber) {
  const std::vector<float> passages = {1, 0, std::numeric_limits<float>::quiet_NaN(), 0, 2, 0};
  const auto found = search_passages(passages, std::vector<float>{1, 0}, 2, 10);
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(found[0].size(), 2u);
  EXPECT_EQ(found[0][0].index, 2u);
  EXPECT_EQ(found[0][1].index, 0u);
  EXPECT_TRUE(search_passages(passages, {}, 2, 10).empty());
  EXPECT_TRUE(search_passages({}, std::vector<float>{1, 0}, 2, 10).at(0).empty());
}

}  // namespace
}  // namespace tandem
