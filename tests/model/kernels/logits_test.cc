#include "model/kernels/logits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/hash.h"
#include "tests/support/simd_targets.h"

namespace tandem::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class LogitsTest : public testing::SimdTest {};

TEST_P(LogitsTest, TheFirstOfTheLargestWhereverItStands) {
  for (std::size_t count = 1; count <= 70; ++count) {
    for (std::size_t at = 0; at < count; ++at) {
      std::vector<float> logits(count, -3.0f);
      logits[at] = 2.0f;
      logits.back() = 2.0f;
      ASSERT_EQ(index_of_largest(logits), at) << count;
    }
  }
  EXPECT_EQ(index_of_largest(std::vector<float>(40, -kInfinity)), std::nullopt);
  EXPECT_EQ(index_of_largest({}), std::nullopt);
}

TEST_P(LogitsTest, WhatCannotBeComparedIsFoundWhereverItStands) {
  for (std::size_t at = 0; at < 70; ++at) {
    for (const float broken : {kNan, -kNan, kInfinity}) {
      std::vector<float> logits(70, 1.0f);
      logits[at] = broken;
      ASSERT_EQ(index_of_largest(logits), std::nullopt) << at;
    }
  }
}

TEST_P(LogitsTest, WeightsAreExponentials) {
  std::vector<float> logits;
  for (float x = 0; x > -87; x -= 0.0371f) logits.push_back(x);
  for (const float temperature : {0.3f, 1.0f, 2.0f}) {
    std::vector<float> weights(logits.size());
    softmax_weights(logits, 0.0f, temperature, weights.data());
    for (std::size_t i = 0; i < logits.size(); ++i) {
      // What is divided in float is what is asked for; the exponential is the test's.
      const double expected = std::exp(static_cast<double>(logits[i] / temperature));
      if (expected < 1e-37)
        ASSERT_LE(weights[i], 2e-37f) << logits[i];
      else
        ASSERT_NEAR(weights[i] / expected, 1.0, 2e-7) << logits[i];
    }
  }
}

TEST_P(LogitsTest, ExtremesAreZeroAndOne) {
  const std::vector<float> logits = {3e38f, -3e38f, -kInfinity, 2.9e38f};
  std::vector<float> weights(logits.size());
  softmax_weights(logits, logits[0], 1e-38f, weights.data());
  EXPECT_EQ(weights, (std::vector<float>{1, 0, 0, 0}));
}

// A number that was computed once: other instructions must not give other weights.
TEST_P(LogitsTest, EveryMachineHasTheSameBits) {
  std::mt19937 random(7);
  std::vector<float> logits(1000);
  for (float& logit : logits) logit = static_cast<float>(random() % 4096) * -0.004f;
  std::vector<float> weights(logits.size());
  softmax_weights(logits, 0.0f, 0.7f, weights.data());
  const std::string_view bytes(reinterpret_cast<const char*>(weights.data()),
                               weights.size() * sizeof(float));
  EXPECT_EQ(sha256_hex(bytes), "4eebc673efda65d8e59afd12bf7ff7ee2377ed9ecd22a98e9c72e65fac0c0ff7");
  EXPECT_EQ(std::bit_cast<std::uint64_t>(sum(weights)), 4631221914174537006u);
}

TEST_P(LogitsTest, SumsAreThoseOfDoubles) {
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{1000}}) {
    std::vector<float> x(count);
    double expected = 0;
    for (std::size_t i = 0; i < count; ++i) expected += x[i] = 1.0f / static_cast<float>(i + 1);
    EXPECT_NEAR(sum(x), expected, 1e-12);
  }
}

TANDEM_FOR_EVERY_SIMD_TARGET(LogitsTest);

}  // namespace
}  // namespace tandem::kernels
