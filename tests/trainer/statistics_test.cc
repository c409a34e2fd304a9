#include "trainer/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace tandem {
namespace {

TEST(BootstrapTest, IntervalOfAMeanIsThatOfTheNormalDistribution) {
  // 300 right of 1,000: the standard error of the share is sqrt(.3 * .7 / 1000).
  std::vector<double> values(1'000, 0.0);
  for (std::size_t i = 0; i < 300; ++i) values[i] = 1;
  const Estimate share = bootstrap_mean(values);
  const double half = 1.96 * std::sqrt(0.3 * 0.7 / 1'000);
  EXPECT_DOUBLE_EQ(share.value, 0.3);
  EXPECT_NEAR(share.low, 0.3 - half, 0.002);
  EXPECT_NEAR(share.high, 0.3 + half, 0.002);
  const Estimate narrow = bootstrap_mean(values, {.confidence = 0.68});
  EXPECT_NEAR(narrow.high - narrow.low, 2 * 0.994 * std::sqrt(0.3 * 0.7 / 1'000), 0.002);
}

TEST(BootstrapTest, TheSameSeedGivesTheSameInterval) {
  std::vector<double> values;
  for (int i = 0; i < 50; ++i) values.push_back(std::sin(i));
  const Estimate one = bootstrap_mean(values, {.draws = 500, .seed = 7});
  const Estimate again = bootstrap_mean(values, {.draws = 500, .seed = 7});
  const Estimate other = bootstrap_mean(values, {.draws = 500, .seed = 8});
  EXPECT_EQ(one.low, again.low);
  EXPECT_EQ(one.high, again.high);
  EXPECT_NE(one.low, other.low);
}

TEST(BootstrapTest, HoldsForSamplesOfNoneOneAndEqualValues) {
  EXPECT_EQ(bootstrap_mean({}).high, 0);
  for (const std::vector<double>& values :
       {std::vector<double>{0.5}, std::vector<double>(20, 0.5)}) {
    const Estimate mean = bootstrap_mean(values, {.draws = 100});
    EXPECT_EQ(mean.value, 0.5);
    EXPECT_EQ(mean.low, 0.5);
    EXPECT_EQ(mean.high, 0.5);
  }
}

TEST(ComparePairedTest, EqualSystemsDoNotDiffer) {
  const std::vector<double> scores = {1, 0, 0.5, 1};
  const Comparison comparison = compare_paired(scores, scores);
  EXPECT_EQ(comparison.difference.value, 0);
  EXPECT_EQ(comparison.difference.low, 0);
  EXPECT_EQ(comparison.p, 1);
  EXPECT_EQ(compare_paired({}, {}).p, 1);
}

TEST(ComparePairedTest, SeesASmallDifferenceOnTheSameExamples) {
  // b is better on 12 of 400 examples and worse on 2: far within the interval of either alone.
  std::vector<double> a(400);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = i % 2 == 0 ? 1 : 0;
  std::vector<double> b = a;
  for (std::size_t i = 0; i < 12; ++i) b[2 * i + 1] = 1;
  b[100] = b[200] = 0;
  const Comparison comparison = compare_paired(a, b);
  EXPECT_DOUBLE_EQ(comparison.difference.value, 10.0 / 400);
  EXPECT_GT(comparison.difference.low, 0.004);
  EXPECT_LT(comparison.difference.high, 0.05);
  // The test of the sign gives .013.
  EXPECT_GT(comparison.p, 0.001);
  EXPECT_LT(comparison.p, 0.02);
  EXPECT_GT(bootstrap_mean(a).high, bootstrap_mean(b).low);
  const Comparison back = compare_paired(b, a);
  EXPECT_DOUBLE_EQ(back.difference.value, -10.0 / 400);
  EXPECT_NEAR(back.p, comparison.p, 0.005);
}

TEST(ComparePairedTest, PIsUniformWhereSystemsAreEqual) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  int below = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> a(60);
    std::vector<double> b(60);
    for (double& value : a) value = normal(random);
    for (double& value : b) value = normal(random);
    below += compare_paired(a, b, {.draws = 300}).p < 0.2 ? 1 : 0;
  }
  // 80 expected, standard deviation 8.
  EXPECT_GT(below, 40);
  EXPECT_LT(below, 125);
}

}  // namespace
}  // namespace tandem
