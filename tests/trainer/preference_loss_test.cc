// The loss of preferences against a case by hand, and its gradient through a decoder.
#include "trainer/torch/preference_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "tests/support/paths.h"
#include "tests/trainer/losses.h"

namespace tandem::training {
namespace {

using tandem::testing::doubles;

ScoredPairs two_pairs() {
  return {doubles({-4, -10}, {2}), doubles({-6, -7}, {2}), doubles({-5, -9}, {2}),
          doubles({-5, -8}, {2}), doubles({2, 5}, {2})};
}

// Rewards: of the first pair .5 * (-4 + 5) = .5 and .5 * (-6 + 5) = -.5; of the second -.5 and .5.
TEST(PreferenceLossTest, IsThatOfACaseByHand) {
  const double first = std::log(1 + std::exp(-1.0));
  const double second = std::log(1 + std::exp(1.0));
  const PreferenceLossValue plain = preference_loss(two_pairs(), 0.5, 0);
  EXPECT_NEAR(plain.total.item<double>(), (first + second) / 2, 1e-12);
  EXPECT_NEAR(plain.chosen, (4.0 / 2 + 10.0 / 5) / 2, 1e-12);
  const PreferenceLossValue weighted = preference_loss(two_pairs(), 0.5, 3);
  EXPECT_NEAR(weighted.total.item<double>(), (first + second) / 2 + 3 * 2, 1e-12);
}

TEST(PreferenceLossTest, IsFiniteHoweverFarAnswersAreApart) {
  ScoredPairs pairs = two_pairs();
  pairs.chosen = doubles({-1e6, -1}, {2});
  pairs.rejected = doubles({-1, -1e6}, {2});
  EXPECT_NEAR(preference_loss(pairs, 0.5, 0).total.item<double>() / (0.5 * 1e6 / 2), 1, 1e-4);
}

TEST(PreferenceLossTest, GradientsAreThoseOfDifferences) {
  std::random_device device;
  const unsigned seed = device();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  ScoredPairs pairs = two_pairs();
  pairs.chosen = tandem::testing::random_normal(random, {2}, -5);
  pairs.rejected = tandem::testing::random_normal(random, {2}, -5);
  for (const double weight : {0.0, 0.7}) {
    const auto loss = [&] { return preference_loss(pairs, 0.3, weight).total; };
    tandem::testing::expect_gradient(pairs.chosen, loss, "chosen");
    tandem::testing::expect_gradient(pairs.rejected, loss, "rejected");
  }
}

// Through a decoder of the families that its reference tests use.
class PreferenceGradientTest : public ::testing::Test {
 protected:
  static std::vector<TokenId> tokens_from(int first, int count, int step) {
    std::vector<TokenId> tokens;
    tokens.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) tokens.push_back(3 + (first + i * step) % 40);
    return tokens;
  }

  TrainableDecoder decoder_{DecoderWeights::open(tandem::testing::source_folder() /
                                                 "tests/model/references/families/llama"),
                            {},
                            1,
                            at::kFloat,
                            false};
  std::vector<PreferenceTokens> pairs_ = {
      {"one", tokens_from(3, 12, 5), tokens_from(20, 3, 1), tokens_from(9, 5, 7), {-10, -21}},
      {"two", tokens_from(4, 7, 3), tokens_from(30, 2, 3), tokens_from(31, 1, 3), {-7, -5}}};
};

TEST_F(PreferenceGradientTest, IsThatOfDifferencesInEveryWeight) {
  const auto loss = [&] { return preference_loss(score_pairs(decoder_, pairs_), 0.5, 0.25).total; };
  loss().backward();
  // Along its own gradient a weight's loss changes by the gradient's length.
  for (const Parameters::Learned& learned : decoder_.parameters().learned()) {
    const at::Tensor& weight = learned.tensor;
    ASSERT_TRUE(weight.grad().defined()) << learned.name;
    const at::Tensor gradient = weight.grad().clone();
    const double length = gradient.norm().item<double>();
    ASSERT_GT(length, 0) << learned.name;
    const at::NoGradGuard no_grad;
    const at::Tensor before = weight.clone();
    const auto moved = [&](double step) {
      weight.copy_(before + gradient * (step / length));
      return loss().item<double>();
    };
    constexpr double kStep = 1e-2;
    const double difference = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    weight.copy_(before);
    EXPECT_NEAR(difference / length, 1, 0.02) << learned.name << " " << length;
  }
}

// A prompt is what answers are conditional on; how likely it is itself is no part of the loss.
TEST_F(PreferenceGradientTest, OnlyTokensOfAnswersAreScored) {
  const ScoredPairs scored = score_pairs(decoder_, pairs_);
  for (std::int64_t i = 0; i < 2; ++i) {
    const PreferenceTokens& pair = pairs_[static_cast<std::size_t>(i)];
    const ScoredSequence chosen = {pair.prompt, pair.chosen};
    const ScoredSequence rejected = {pair.prompt, pair.rejected};
    const at::Tensor tokens = decoder_.log_likelihoods({&chosen, 1});
    EXPECT_EQ(tokens.numel(), static_cast<std::int64_t>(pair.chosen.size()));
    EXPECT_NEAR(scored.chosen[i].item<double>(), tokens.sum().item<double>(), 1e-4);
    EXPECT_NEAR(scored.rejected[i].item<double>(),
                decoder_.log_likelihoods({&rejected, 1}).sum().item<double>(), 1e-4);
    EXPECT_EQ(scored.chosen_tokens[i].item<double>(), static_cast<double>(pair.chosen.size()));
  }
  EXPECT_EQ(tokens_to_score(pairs_[0]), 2 * 12 + 3 + 5 - 2);
}

// What ends an answer predicts nothing, and what is in no pair is not read.
TEST_F(PreferenceGradientTest, TokensThatPredictNothingGetNoGradient) {
  const std::vector<PreferenceTokens> pairs = {{"one", {5, 6, 7}, {8, 2}, {9, 10, 2}, {-8, -12}}};
  preference_loss(score_pairs(decoder_, pairs), 0.5, 0.25).total.backward();
  for (const Parameters::Learned& learned : decoder_.parameters().learned()) {
    if (learned.name != "token_embd.weight") continue;
    const at::Tensor sizes = learned.tensor.grad().abs().sum(1);
    for (const std::int64_t token : {5, 6, 7, 8, 9, 10})
      EXPECT_GT(sizes[token].item<float>(), 0) << token;
    for (const std::int64_t token : {2, 3, 11, 40})
      EXPECT_EQ(sizes[token].item<float>(), 0) << token;
    return;
  }
  FAIL() << "no embeddings";
}

}  // namespace
}  // namespace tandem::training
