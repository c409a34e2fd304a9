#include "trainer/promotion_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/errors.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;

TEST(PromotionGateTest, ComparesWithANumberOrWithWhatWasBefore) {
  const RunMetrics before = {{"dev.recall@1", 0.5}, {"dev.recall@5", 0.75}};
  const RunMetrics after = {{"dev.recall@1", 0.5625}, {"dev.recall@5", 0.75}};
  const struct {
    const char* gate;
    bool holds;
  } cases[] = {
      {"dev.recall@1 > 0.5", true},
      {"dev.recall@1 > 0.5625", false},
      {"dev.recall@1 >= 0.5625", true},
      {"dev.recall@1 < 0.5625", false},
      {"dev.recall@1 <= 0.5625", true},
      {"dev.recall@1 > current", true},
      {"dev.recall@5 > current", false},
      {"dev.recall@5 >= current", true},
      {"dev.recall@1 >= current + 0.0625", true},
      {"dev.recall@1 > current + 0.0625", false},
      {"dev.recall@5 > current - 0.125", true},
      {"  dev.recall@1>current+6e-2  ", true},
  };
  for (const auto& [gate, holds] : cases) {
    EXPECT_EQ(evaluate_gate(parse_gate(gate), before, after).holds, holds) << gate;
  }
}

TEST(PromotionGateTest, SaysWhy) {
  const auto outcome = evaluate_gate(parse_gate("dev.recall@1 > current + 0.02"),
                                     {{"dev.recall@1", 0.56}}, {{"dev.recall@1", 0.57}});
  EXPECT_EQ(outcome.reason, "dev.recall@1 is 0.570, and had to be above 0.580 (0.560 + 0.020)");
}

TEST(PromotionGateTest, WhatIsNoGateIsRefusedWithTheReason) {
  const struct {
    const char* gate;
    const char* words;
  } cases[] = {
      {"", "records no"},
      {"dev.loss > 1", "dev.recall@1, dev.recall@20, dev.recall@5"},
      {"dev.recall@1", "no comparison"},
      {"dev.recall@1 = 1", "no comparison"},
      {"dev.recall@1 > ", "lacks a number"},
      {"dev.recall@1 > nan", "lacks a number"},
      {"dev.recall@1 > currently", "after its end"},
      {"dev.recall@1 > current +", "lacks a number"},
      {"dev.recall@1 > current 0.5", "after its end"},
      {"dev.recall@1 > 1 + 1", "after its end"},
  };
  for (const auto& [gate, words] : cases) {
    const auto error = testing::error_of([gate = gate] { parse_gate(gate); });
    ASSERT_TRUE(error) << gate;
    EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error->what(), HasSubstr(words)) << gate;
  }
}

TEST(PromotionGateTest, ARunWithoutDevQuestionsHasNothingToCompare) {
  const TrainingReport report;
  EXPECT_TRUE(testing::error_of([&] {
    evaluate_gate(parse_gate("dev.recall@1 > 0"), metrics_before(report), metrics_after(report));
  }));
}

}  // namespace
}  // namespace tandem
