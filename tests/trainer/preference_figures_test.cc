#include "trainer/preference_figures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tandem {
namespace {

TEST(PreferenceFiguresTest, AreThoseOfACaseByHand) {
  const std::vector<PairLikelihoods> now = {{-4, -6}, {-10, -7}, {-2, -3}};
  const std::vector<PairLikelihoods> reference = {{-5, -5}, {-9, -8}, {-1, -3}};
  const PreferenceFigures figures = preference_figures(now, reference, 0.5);
  EXPECT_NEAR(
      figures.loss,
      (std::log(1 + std::exp(-1.0)) + std::log(1 + std::exp(1.0)) + std::log(1 + std::exp(0.5))) /
          3,
      1e-12);
  EXPECT_DOUBLE_EQ(figures.wins, 1.0 / 3);
  EXPECT_DOUBLE_EQ(figures.likelier, 2.0 / 3);
  EXPECT_NEAR(figures.margin, (1 - 1 - 0.5) / 3, 1e-12);
  EXPECT_NEAR(figures.chosen, (0.5 - 0.5 - 0.5) / 3, 1e-12);
  EXPECT_NEAR(figures.rejected, (-0.5 + 0.5 + 0) / 3, 1e-12);
  // At the beginning nothing has moved: nobody wins, and the loss is that of a coin.
  const PreferenceFigures before = preference_figures(reference, reference, 0.5);
  EXPECT_NEAR(before.loss, std::log(2.0), 1e-12);
  EXPECT_EQ(before.wins, 0);
  EXPECT_DOUBLE_EQ(before.likelier, 1.0 / 3);
}

TEST(PreferenceFiguresTest, AreFiniteHoweverFarAnswersAreApart) {
  const std::vector<PairLikelihoods> now = {{-1e6, -1}, {-1, -1e6}};
  const std::vector<PairLikelihoods> reference = {{-1, -1}, {-1, -1}};
  EXPECT_NEAR(preference_figures(now, reference, 1).loss, 1e6 / 2, 1);
}

}  // namespace
}  // namespace tandem
