#include "trainer/evaluation_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;

QuestionResult answered(std::string id, double exact, double abstained = 0) {
  QuestionResult result;
  result.id = std::move(id);
  result.scores = {{kExactMatch, exact}, {kTokenF1, exact}, {kAbstained, abstained}};
  return result;
}

QuestionResult without_answer(std::string id, double abstained) {
  QuestionResult result = answered(std::move(id), abstained, abstained);
  result.answerable = false;
  return result;
}

template <typename Figures>
auto figure(const Figures& figures, std::string_view name) {
  for (const auto& each : figures)
    if (each.name == name) return each;
  ADD_FAILURE() << "no " << name;
  return typename Figures::value_type{};
}

template <typename Figures>
std::vector<std::string> names(const Figures& figures) {
  std::vector<std::string> all;
  all.reserve(figures.size());
  for (const auto& each : figures) all.push_back(each.name);
  return all;
}

TEST(EvaluationFiguresTest, AbstentionIsCountedOverAllQuestions) {
  // 3 abstentions, 2 of them right, of 4 that should have been.
  const std::vector<QuestionResult> results = {
      answered("a", 1),       answered("b", 1),       answered("c", 0, 1),
      without_answer("d", 1), without_answer("e", 1), without_answer("f", 0),
      without_answer("g", 0),
  };
  const auto figures = summarize(results, {.draws = 200});
  EXPECT_THAT(names(figures),
              ElementsAre("exact_match", "f1", "exact_match_all", "f1_all", "abstention_precision",
                          "abstention_recall", "abstention_f1"));
  EXPECT_DOUBLE_EQ(figure(figures, "exact_match").estimate.value, 2.0 / 3);
  EXPECT_EQ(figure(figures, "exact_match").questions, 3u);
  EXPECT_DOUBLE_EQ(figure(figures, "exact_match_all").estimate.value, 4.0 / 7);
  EXPECT_DOUBLE_EQ(figure(figures, "abstention_precision").estimate.value, 2.0 / 3);
  EXPECT_DOUBLE_EQ(figure(figures, "abstention_recall").estimate.value, 2.0 / 4);
  const Figure f1 = figure(figures, "abstention_f1");
  EXPECT_DOUBLE_EQ(f1.estimate.value, 4.0 / 7);
  EXPECT_LT(f1.estimate.low, 0.4);
  EXPECT_GT(f1.estimate.high, 0.7);
  EXPECT_EQ(f1.questions, 7u);
}

TEST(EvaluationFiguresTest, LeavesOutWhatTheResultsDoNotSay) {
  QuestionResult retrieved;
  retrieved.scores = {{kRecallAt1, 1.0}, {kReciprocalRank, 0.5}};
  QuestionResult without;
  without.answerable = false;
  EXPECT_THAT(names(summarize(std::vector{retrieved, without})), ElementsAre("recall@1", "mrr"));
  EXPECT_THAT(names(summarize(std::vector{answered("a", 1)})), ElementsAre("exact_match", "f1"));
  EXPECT_TRUE(summarize({}).empty());
}

TEST(CompareResultsTest, PairsByIdWhateverTheOrder) {
  std::vector<QuestionResult> a;
  std::vector<QuestionResult> b;
  for (int i = 0; i < 50; ++i) {
    a.push_back(answered(std::to_string(i), i % 2));
    b.insert(b.begin(), answered(std::to_string(i), i % 2 == 1 || i < 10 ? 1 : 0));
  }
  a.push_back(answered("only a", 1));
  b.push_back(answered("only b", 1));
  b.push_back(answered("only b too", 1));
  const ResultComparison comparison = compare_results(a, b);
  EXPECT_EQ(comparison.questions, 50u);
  EXPECT_EQ(comparison.only_in_a, 1u);
  EXPECT_EQ(comparison.only_in_b, 2u);
  const FigureComparison exact = figure(comparison.figures, "exact_match");
  EXPECT_DOUBLE_EQ(exact.a, 0.5);
  EXPECT_DOUBLE_EQ(exact.b, 0.6);
  EXPECT_NEAR(exact.comparison.difference.value, 0.1, 1e-12);
  // Paired: b is never worse, so the interval cannot reach below 0.
  EXPECT_GT(exact.comparison.difference.low, 0);
  EXPECT_LT(exact.comparison.p, 0.05);
}

TEST(CompareResultsTest, ComparesAbstentionToo) {
  std::vector<QuestionResult> a;
  std::vector<QuestionResult> b;
  for (int i = 0; i < 30; ++i) {
    a.push_back(without_answer(std::to_string(i), i % 3 == 0));
    b.push_back(without_answer(std::to_string(i), i % 3 != 0));
  }
  const FigureComparison recall = figure(compare_results(a, b).figures, "abstention_recall");
  EXPECT_NEAR(recall.comparison.difference.value, 1.0 / 3, 1e-12);
}

TEST(CompareResultsTest, ComparesWhatBothHave) {
  QuestionResult retrieved = answered("a", 1);
  retrieved.scores = {{kRecallAt1, 1.0}};
  QuestionResult both = answered("a", 1);
  both.scores[kRecallAt1] = 0;
  EXPECT_THAT(names(compare_results(std::vector{retrieved}, std::vector{both}).figures),
              ElementsAre("recall@1"));
}

TEST(CompareResultsTest, RefusesOtherQuestions) {
  const std::vector a = {answered("a", 1)};
  EXPECT_EQ(testing::error_code_of([&] { compare_results(a, std::vector{answered("b", 1)}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      testing::error_code_of([&] { compare_results(a, std::vector{without_answer("a", 1)}); }),
      ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
