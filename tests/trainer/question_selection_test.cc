#include "trainer/question_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(QuestionSelectionTest, TakesTheHighestInTheOrderOfTheirPlaces) {
  const std::vector<double> usefulness = {0.5, 3, 1, 3, 2};
  EXPECT_THAT(highest_places(usefulness, 3), ElementsAre(1, 3, 4));
  EXPECT_THAT(highest_places(usefulness, 1), ElementsAre(1));
  EXPECT_THAT(highest_places(usefulness, 9), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(highest_places({}, 2), IsEmpty());
}

// Three bundles of directions: the one in the middle comes first, then one of each other bundle.
TEST(QuestionSelectionTest, TakesWhatIsLeastAlike) {
  std::vector<float> vectors;
  for (const double degrees : {0.0, 1.0, 44.0, 45.0, 46.0, 89.0, 90.0})
    for (const double angle : {degrees, 90 - degrees})
      vectors.push_back(static_cast<float>(std::cos(angle / 180 * M_PI)));
  EXPECT_THAT(diverse_places(vectors, 2, 1), ElementsAre(3));
  EXPECT_THAT(diverse_places(vectors, 2, 3), ElementsAre(0, 3, 6));
  EXPECT_EQ(diverse_places(vectors, 2, 100).size(), 7u);
  EXPECT_THAT(diverse_places({}, 2, 3), IsEmpty());
}

// Each chosen row was the farthest from those chosen before it, whatever else is drawn.
TEST(QuestionSelectionTest, CoversMoreThanADrawDoes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  constexpr std::size_t kRows = 200;
  constexpr std::size_t kWidth = 6;
  std::vector<float> vectors(kRows * kWidth);
  for (std::size_t i = 0; i < kRows; ++i) {
    double square = 0;
    for (std::size_t j = 0; j < kWidth; ++j) {
      vectors[i * kWidth + j] = normal(random);
      square += std::pow(vectors[i * kWidth + j], 2);
    }
    for (std::size_t j = 0; j < kWidth; ++j)
      vectors[i * kWidth + j] /= static_cast<float>(std::sqrt(square));
  }
  // The least likeness of a row to the chosen one nearest to it.
  const auto covered = [&](const std::vector<std::size_t>& places) {
    double least = 1;
    for (std::size_t i = 0; i < kRows; ++i) {
      double nearest = -1;
      for (const std::size_t place : places) {
        double sum = 0;
        for (std::size_t j = 0; j < kWidth; ++j)
          sum += static_cast<double>(vectors[i * kWidth + j] * vectors[place * kWidth + j]);
        nearest = std::max(nearest, sum);
      }
      least = std::min(least, nearest);
    }
    return least;
  };
  std::vector<std::size_t> first(20);
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = i;
  EXPECT_GT(covered(diverse_places(vectors, kWidth, 20)), covered(first));
}

TEST(QuestionSelectionTest, TheLossOfARankingIsThatOfASoftmax) {
  EXPECT_NEAR(retrieval_loss(std::vector{1.0}, std::vector{1.0}), std::log(2), 1e-12);
  EXPECT_NEAR(retrieval_loss(std::vector{std::log(3.0)}, std::vector{0.0, 0.0}), std::log(5.0 / 3),
              1e-12);
  EXPECT_NEAR(retrieval_loss(std::vector{900.0, 900.0}, std::vector{-900.0}), 0, 1e-12);
  EXPECT_EQ(retrieval_loss({}, std::vector{1.0}), 0);
}

}  // namespace
}  // namespace tandem
