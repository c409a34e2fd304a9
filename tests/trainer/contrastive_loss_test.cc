#include "trainer/torch/contrastive_loss.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/trainer/losses.h"

namespace tandem {
namespace {

using testing::doubles;
using testing::flags;

TEST(ContrastiveLossTest, MatchesValuesComputedByHand) {
  const at::Tensor scores = doubles({std::log(4.0), std::log(3.0), 0, 0}, {1, 4});
  const at::Tensor none = flags({false, false, false, false}, {1, 4});
  EXPECT_NEAR(
      contrastive_loss(scores, flags({true, false, false, false}, {1, 4}), none).item<double>(),
      -std::log(4.0 / 9), 1e-12);
  // Two positives, each against the two negatives.
  EXPECT_NEAR(
      contrastive_loss(scores, flags({true, true, false, false}, {1, 4}), none).item<double>(),
      -(std::log(4.0 / 6) + std::log(3.0 / 5)) / 2, 1e-12);
  EXPECT_NEAR(contrastive_loss(scores, flags({true, false, false, false}, {1, 4}),
                               flags({false, true, false, false}, {1, 4}))
                  .item<double>(),
              -std::log(4.0 / 6), 1e-12);
}

TEST(ContrastiveLossTest, HasTheGradientOfItsValue) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const at::Tensor scores = testing::random_normal(random, {3, 4});
  const at::Tensor positives = flags(
      {true, false, false, true, false, true, false, false, false, false, true, false}, {3, 4});
  const at::Tensor ignored = flags(
      {false, true, false, false, false, false, false, false, true, false, false, false}, {3, 4});
  testing::expect_gradient(
      scores, [&] { return contrastive_loss(scores, positives, ignored); }, "scores");
}

TEST(ContrastiveLossTest, IsZeroAndFiniteWithoutNegatives) {
  const at::Tensor scores = doubles({3, -2}, {1, 2});
  scores.requires_grad_(true);
  const at::Tensor loss =
      contrastive_loss(scores, flags({true, true}, {1, 2}), flags({false, false}, {1, 2}));
  EXPECT_NEAR(loss.item<double>(), 0, 1e-12);
  loss.backward();
  EXPECT_EQ(scores.grad().abs().sum().item<double>(), 0);
}

}  // namespace
}  // namespace tandem
