#include "trainer/torch/joint_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/support/errors.h"
#include "tests/trainer/losses.h"

namespace tandem {
namespace {

using testing::doubles;
using testing::flags;

const std::map<JointLossKind, std::string> kNames = {
    {JointLossKind::kRagSequence, "RagSequence"},
    {JointLossKind::kRagToken, "RagToken"},
    {JointLossKind::kEmdr2, "Emdr2"},
    {JointLossKind::kPerplexityDistillation, "PerplexityDistillation"},
    {JointLossKind::kReplug, "Replug"},
    {JointLossKind::kLeaveOneOut, "LeaveOneOut"},
};

// One question, two passages with p = (0.75, 0.25), an answer of two tokens whose likelihoods are
// 1/2 and 1/4 with the first passage and 1/8 and 1/2 with the second.
ScoredAnswers small_case() {
  ScoredAnswers answers;
  answers.scores = doubles({std::log(3.0), 0}, {1, 2});
  answers.log_likelihoods =
      doubles({std::log(0.5), std::log(0.25), std::log(0.125), std::log(0.5)}, {1, 2, 2});
  answers.passage_mask = flags({true, true}, {1, 2});
  answers.token_mask = flags({true, true}, {1, 2});
  // Without the first passage the answer is 1/16 as likely, without the second 1/8.
  answers.without =
      doubles({std::log(0.25), std::log(0.25), std::log(0.25), std::log(0.5)}, {1, 2, 2});
  return answers;
}

double value(const JointLossOptions& options, const ScoredAnswers& answers) {
  return make_joint_loss(options)->compute(answers).total.item<double>();
}

TEST(JointLossTest, MatchesValuesComputedByHand) {
  const ScoredAnswers answers = small_case();
  // L = log (1/8, 1/16).
  EXPECT_NEAR(value({.kind = JointLossKind::kRagSequence}, answers),
              -std::log(0.75 / 8 + 0.25 / 16), 1e-12);
  EXPECT_NEAR(value({.kind = JointLossKind::kRagToken}, answers),
              -std::log(0.75 / 2 + 0.25 / 8) - std::log(0.75 / 4 + 0.25 / 2), 1e-12);
  const double generator = -0.75 * std::log(1.0 / 8) - 0.25 * std::log(1.0 / 16);
  EXPECT_NEAR(value({.kind = JointLossKind::kEmdr2}, answers),
              generator - std::log(0.75 / 8 + 0.25 / 16), 1e-12);
  // q = (2/3, 1/3).
  EXPECT_NEAR(
      value({.kind = JointLossKind::kPerplexityDistillation, .generator_weight = 0}, answers),
      2.0 / 3 * std::log(2.0 / 3 / 0.75) + 1.0 / 3 * std::log(1.0 / 3 / 0.25), 1e-12);
  EXPECT_NEAR(value({.kind = JointLossKind::kReplug, .generator_weight = 0}, answers),
              0.75 * std::log(0.75 * 3 / 2) + 0.25 * std::log(0.25 * 3), 1e-12);
  // q is in proportion to (16, 8): what makes the answer less likely by its absence was useful.
  EXPECT_NEAR(value({.kind = JointLossKind::kLeaveOneOut, .generator_weight = 0}, answers),
              2.0 / 3 * std::log(2.0 / 3 / 0.75) + 1.0 / 3 * std::log(1.0 / 3 / 0.25), 1e-12);
  // With T = 2, q is in proportion to the square roots of (1/8, 1/16).
  const double first = std::sqrt(2.0) / (1 + std::sqrt(2.0));
  EXPECT_NEAR(
      value(
          {.kind = JointLossKind::kPerplexityDistillation, .temperature = 2, .generator_weight = 0},
          answers),
      first * std::log(first / 0.75) + (1 - first) * std::log((1 - first) / 0.25), 1e-12);
}

TEST(JointLossTest, TheMeanOfAnAnswerDividesByItsLength) {
  ScoredAnswers answers = small_case();
  EXPECT_NEAR(
      value({.kind = JointLossKind::kRagSequence, .likelihood = AnswerLikelihood::kMean}, answers),
      -std::log(0.75 * std::sqrt(1.0 / 8) + 0.25 * std::sqrt(1.0 / 16)), 1e-12);
  answers.token_mask = flags({true, false}, {1, 2});
  for (const AnswerLikelihood likelihood : {AnswerLikelihood::kSum, AnswerLikelihood::kMean})
    EXPECT_NEAR(value({.kind = JointLossKind::kRagSequence, .likelihood = likelihood}, answers),
                -std::log(0.75 / 2 + 0.25 / 8), 1e-12);
}

TEST(JointLossTest, TheGeneratorLearnsFromAllPassagesTogetherWhereTheyWereRead) {
  ScoredAnswers answers = small_case();
  answers.together = doubles({-1.5, -2.5}, {1, 2});
  answers.together_mask = flags({true}, {1});
  const auto compute = [&](JointLossKind kind) {
    return make_joint_loss({.kind = kind, .generator_weight = 0.5})->compute(answers);
  };
  const JointLossValue loss = compute(JointLossKind::kReplug);
  EXPECT_NEAR(loss.generator, 4, 1e-12);
  EXPECT_NEAR(loss.total.item<double>(), loss.retriever + 0.5 * 4, 1e-12);
  // A marginal teaches both already, and this is one term more.
  const JointLossValue marginal = compute(JointLossKind::kRagSequence);
  EXPECT_NEAR(marginal.generator, 4, 1e-12);
  EXPECT_NEAR(marginal.total.item<double>(), -std::log(0.75 / 8 + 0.25 / 16) + 0.5 * 4, 1e-12);

  // Where they were not read, it is as if the others had not been either.
  answers.together_mask = flags({false}, {1});
  for (const auto& [kind, name] : kNames) {
    const double with = compute(kind).total.item<double>();
    ScoredAnswers without = answers;
    without.together = without.together_mask = at::Tensor();
    EXPECT_NEAR(with, value({.kind = kind, .generator_weight = 0.5}, without), 1e-12) << name;
  }
}

class EveryJointLossTest : public ::testing::TestWithParam<JointLossKind> {
 protected:
  // Five passages, up to four tokens, neither all of them in every question.
  ScoredAnswers random_answers(std::int64_t questions) {
    ScoredAnswers answers;
    answers.scores = testing::random_normal(random_, {questions, 5});
    answers.log_likelihoods = testing::random_normal(random_, {questions, 5, 4}, -2);
    answers.without = testing::random_normal(random_, {questions, 5, 4}, -2);
    std::vector<bool> passages;
    std::vector<bool> tokens;
    for (std::int64_t q = 0; q < questions; ++q) {
      for (int k = 0; k < 5; ++k) passages.push_back(k < 2 + (q + 1) % 4);
      for (int t = 0; t < 4; ++t) tokens.push_back(t < 1 + (q + 2) % 4);
    }
    answers.passage_mask = flags(passages, {questions, 5});
    answers.token_mask = flags(tokens, {questions, 4});
    return answers;
  }
  std::unique_ptr<JointLoss> loss() const {
    return make_joint_loss({.kind = GetParam(), .temperature = 1.5, .generator_weight = 0.7});
  }

  static bool marginal() {
    return GetParam() == JointLossKind::kRagSequence || GetParam() == JointLossKind::kRagToken;
  }

  const unsigned seed_ = std::random_device{}();
  std::mt19937 random_{seed_};
};

// Where a loss has two terms, each network is in one of them alone once the generator's term is
// that of all passages together; what is constant to a term otherwise is seen below.
TEST_P(EveryJointLossTest, BothNetworksGetTheGradientOfTheValue) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  ScoredAnswers answers = random_answers(3);
  answers.together = testing::random_normal(random_, {3, 4}, -2);
  answers.together_mask = flags({true, true, true}, {3});
  const auto total = [&] { return loss()->compute(answers).total; };
  testing::expect_gradient(answers.scores, total, "scores");
  if (marginal()) testing::expect_gradient(answers.log_likelihoods, total, "log-likelihoods");
  testing::expect_gradient(answers.together, total, "together");
}

// The generator's term weighs single passages by p and the retriever's by q, both as constants.
TEST_P(EveryJointLossTest, TermsGiveGradientToTheirOwnNetworkOnly) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  ScoredAnswers answers = random_answers(2);
  if (marginal()) GTEST_SKIP() << "one term teaches both";
  const auto gradient = [&](double weight, at::Tensor& of) {
    of.requires_grad_(true);
    make_joint_loss({.kind = GetParam(), .generator_weight = weight})
        ->compute(answers)
        .total.backward();
    const at::Tensor found = of.grad().clone();
    of.mutable_grad() = at::Tensor();
    return found;
  };
  const at::Tensor without_generator = gradient(0, answers.scores);
  const at::Tensor with_generator = gradient(3, answers.scores);
  EXPECT_TRUE(without_generator.equal(with_generator));
  EXPECT_GT(without_generator.abs().sum().item<double>(), 1e-3);
  const at::Tensor generator = gradient(3, answers.log_likelihoods);
  const at::Tensor p =
      at::softmax(answers.scores.detach().masked_fill(~answers.passage_mask,
                                                      -std::numeric_limits<double>::infinity()),
                  -1);
  const at::Tensor expected =
      -3.0 / 2 * (p.unsqueeze(-1) * answers.token_mask.unsqueeze(1).to(at::kDouble));
  EXPECT_LT((generator - expected).abs().max().item<double>(), 1e-12);
}

TEST_P(EveryJointLossTest, WhatIsMaskedGetsNoGradientAndChangesNothing) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  ScoredAnswers answers = random_answers(4);
  const double before = loss()->compute(answers).total.item<double>();
  const at::Tensor counted = answers.passage_mask.unsqueeze(-1) & answers.token_mask.unsqueeze(1);
  answers.log_likelihoods = answers.log_likelihoods.masked_fill(~counted, -77);
  answers.scores = answers.scores.masked_fill(~answers.passage_mask, 99);
  answers.log_likelihoods.requires_grad_(true);
  answers.scores.requires_grad_(true);
  const JointLossValue value = loss()->compute(answers);
  EXPECT_NEAR(value.total.item<double>(), before, 1e-12);
  value.total.backward();
  EXPECT_EQ(answers.log_likelihoods.grad().masked_fill(counted, 0).abs().sum().item<double>(), 0);
  EXPECT_EQ(answers.scores.grad().masked_fill(answers.passage_mask, 0).abs().sum().item<double>(),
            0);
  EXPECT_GT(answers.scores.grad().abs().sum().item<double>(), 0);
  EXPECT_GT(answers.log_likelihoods.grad().abs().sum().item<double>(), 0);
}

TEST_P(EveryJointLossTest, ABatchIsTheMeanOfItsQuestions) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  const ScoredAnswers answers = random_answers(8);
  double sum = 0;
  for (std::int64_t q = 0; q < 8; ++q) {
    ScoredAnswers one;
    one.scores = answers.scores.narrow(0, q, 1);
    one.log_likelihoods = answers.log_likelihoods.narrow(0, q, 1);
    one.without = answers.without.narrow(0, q, 1);
    one.passage_mask = answers.passage_mask.narrow(0, q, 1);
    one.token_mask = answers.token_mask.narrow(0, q, 1);
    sum += loss()->compute(one).total.item<double>();
  }
  EXPECT_NEAR(loss()->compute(answers).total.item<double>(), sum / 8, 1e-12);
}

TEST_P(EveryJointLossTest, OneStepOnTheScoresRaisesTheUsefulPassage) {
  ScoredAnswers answers = small_case();
  // The second passage is the useful one, whichever way that is measured.
  answers.log_likelihoods = doubles({-5, -5, -1, -1}, {1, 2, 2});
  answers.without = doubles({-1, -1, -5, -5}, {1, 2, 2});
  answers.scores.requires_grad_(true);
  loss()->compute(answers).total.backward();
  const double* const gradient = answers.scores.grad().const_data_ptr<double>();
  EXPECT_GT(gradient[0], 0.01);
  EXPECT_LT(gradient[1], -0.01);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryJointLossTest,
                         ::testing::Values(JointLossKind::kRagSequence, JointLossKind::kRagToken,
                                           JointLossKind::kEmdr2,
                                           JointLossKind::kPerplexityDistillation,
                                           JointLossKind::kReplug, JointLossKind::kLeaveOneOut),
                         [](const auto& kind) { return kNames.at(kind.param); });

TEST(JointLossTest, RefusesOptionsThatMakeNoSense) {
  for (const JointLossOptions& options :
       {JointLossOptions{.temperature = 0}, JointLossOptions{.temperature = std::nan("")},
        JointLossOptions{.generator_weight = -1}}) {
    const auto error = testing::error_of([&] { (void)make_joint_loss(options); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace tandem
