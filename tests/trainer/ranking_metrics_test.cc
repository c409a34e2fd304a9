#include "trainer/ranking_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tandem {
namespace {

TEST(RankingMetricsTest, AreThoseComputedByHand) {
  const std::vector<int> found = {0, 2, 0, 1, 1};
  const std::vector<int> relevant = {1, 1, 3, 2};  // that of grade 3 was not found
  EXPECT_DOUBLE_EQ(recall_at(1, found, relevant), 0);
  EXPECT_DOUBLE_EQ(recall_at(2, found, relevant), 0.25);
  EXPECT_DOUBLE_EQ(recall_at(5, found, relevant), 0.75);
  EXPECT_DOUBLE_EQ(recall_at(100, found, relevant), 0.75);
  EXPECT_DOUBLE_EQ(reciprocal_rank(found), 0.5);
  const double reached = 2 / std::log2(3) + 1 / std::log2(5);
  const double ideal = 3 / std::log2(2) + 2 / std::log2(3) + 1 / std::log2(4) + 1 / std::log2(5);
  EXPECT_DOUBLE_EQ(ndcg_at(4, found, relevant), reached / ideal);
  EXPECT_DOUBLE_EQ(ndcg_at(1, found, relevant), 0);
}

TEST(RankingMetricsTest, AreOneAtBestAndNothingWhereNothingIsRelevant) {
  const std::vector<int> best = {3, 2, 1, 0};
  const std::vector<int> relevant = {1, 2, 3};
  EXPECT_DOUBLE_EQ(ndcg_at(10, best, relevant), 1);
  EXPECT_DOUBLE_EQ(recall_at(3, best, relevant), 1);
  EXPECT_DOUBLE_EQ(reciprocal_rank(best), 1);
  const std::vector<int> none = {0, 0};
  EXPECT_DOUBLE_EQ(reciprocal_rank(none), 0);
  EXPECT_DOUBLE_EQ(ndcg_at(10, none, {}), 0);
  EXPECT_DOUBLE_EQ(recall_at(10, none, {}), 0);
  EXPECT_DOUBLE_EQ(ndcg_at(10, {}, relevant), 0);
}

}  // namespace
}  // namespace tandem
