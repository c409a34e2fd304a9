#include "retriever/fusion.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

const std::vector<ScoredPassage> kDense = {{1, 0.9f}, {2, 0.6f}, {3, 0.5f}};
const std::vector<ScoredPassage> kLexical = {{3, 12}, {4, 4}};

void expect_equal(const std::vector<ScoredPassage>& found,
                  const std::vector<ScoredPassage>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].id, expected[i].id) << i;
    EXPECT_NEAR(found[i].score, expected[i].score, 1e-6) << i;
  }
}

TEST(FusionTest, RanksAddUpAsReciprocals) {
  const FusionOptions options{.method = Fusion::kRanks, .lexical_weight = 0.5f};
  // 61 / (60 + rank), each list weighing a half.
  expect_equal(fuse(kDense, kLexical, 10, options),
               {{3, 0.5f * 61 / 63 + 0.5f}, {1, 0.5f}, {2, 0.5f * 61 / 62}, {4, 0.5f * 61 / 62}});
}

TEST(FusionTest, ScoresAddUpByWeight) {
  const FusionOptions options{.method = Fusion::kScores, .lexical_weight = 0.25f};
  expect_equal(fuse(kDense, kLexical, 10, options), {{1, 0.75f}, {3, 0.25f}, {2, 0.1875f}, {4, 0}});
}

TEST(FusionTest, ListsOfOneAndOfNoneCount) {
  const std::vector<ScoredPassage> one = {{7, 3}};
  for (const Fusion method : {Fusion::kRanks, Fusion::kScores}) {
    expect_equal(fuse({}, one, 10, {.method = method}), {{7, 0.5f}});
    expect_equal(fuse(one, {}, 10, {.method = method}), {{7, 0.5f}});
    expect_equal(fuse(one, one, 10, {.method = method}), {{7, 1}});
    expect_equal(fuse({}, {}, 10, {.method = method}), {});
  }
}

TEST(FusionTest, TheLimitKeepsTheBest) {
  expect_equal(fuse(kDense, kLexical, 1, {.method = Fusion::kScores, .lexical_weight = 0.25f}),
               {{1, 0.75f}});
}

}  // namespace
}  // namespace tandem
