#include "generator/log_probabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;

constexpr float kNever = -std::numeric_limits<float>::infinity();

std::vector<TokenId> ids_of(const std::vector<TokenProbability>& tokens) {
  std::vector<TokenId> ids;
  for (const auto& token : tokens) ids.push_back(token.token);
  return ids;
}

TEST(LogProbabilitiesTest, AreThoseOfTheSoftmax) {
  // Probabilities of 1/8, 4/8, 2/8, 1/8 and none, whatever is added to all logits.
  for (const float shift : {0.0f, 3.0f, 900.0f, -900.0f}) {
    const float two = std::log(2.0f);
    const std::vector<float> logits = {shift, shift + 2 * two, shift + two, shift, kNever};
    const LogProbabilities found = log_probabilities(logits, 2, 3);
    EXPECT_EQ(found.chosen.token, 2);
    EXPECT_THAT(found.chosen.log_probability, FloatNear(std::log(0.25f), 1e-4f));
    // Of equals the lower id comes first.
    EXPECT_THAT(ids_of(found.top), ElementsAre(1, 2, 0));
    EXPECT_THAT(found.top[0].log_probability, FloatNear(std::log(0.5f), 1e-4f));
    EXPECT_EQ(log_probabilities(logits, 4, 0).chosen.log_probability, kNever);
  }
}

TEST(LogProbabilitiesTest, ThoseOfAllTokensAddUpToOne) {
  std::vector<float> logits(50'000);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = 12 * std::sin(static_cast<float>(i) * 0.37f);
  const auto found = log_probabilities(logits, 0, static_cast<int>(logits.size()) + 1);
  ASSERT_EQ(found.top.size(), logits.size());
  double sum = 0;
  for (const auto& token : found.top) sum += std::exp(token.log_probability);
  EXPECT_NEAR(sum, 1, 1e-4);
}

}  // namespace
}  // namespace tandem
