#include "trainer/answer_metrics.h"

#include <gtest/gtest.h>

#include <vector>

namespace tandem {
namespace {

TEST(AnswerMetricsTest, ScoresAsThePublishedScript) {
  const struct {
    std::string answer;
    std::vector<std::string> answers;
    double exact;
    double f1;
  } cases[] = {
      {"the Apollo program", {"Apollo program"}, 1, 1},
      {"Apollo", {"Apollo program"}, 0, 2.0 / 3},
      {"Apollo", {"Project Mercury", "Apollo program", "Apollo"}, 1, 1},
      {"Apollo Apollo", {"Apollo"}, 0, 2.0 / 3},  // counted as often as it comes
      {"b b c", {"b c c"}, 0, 2.0 / 3},           // common: b, c
      {"one two three four", {"two four six"}, 0, 4.0 / 7},
      {"", {"Apollo"}, 0, 0},
      {"Apollo", {}, 0, 0},
      {"", {}, 1, 1},
      {"The.", {}, 1, 1},           // nothing is left of it
      {"an", {"the", "A!"}, 1, 1},  // nor of any right answer
      {"Apollo", {"the", "A!"}, 0, 0},
      {"", {"the", "Apollo"}, 0, 0},  // one that leaves nothing does not count beside others
      {"1973", {"October 1973", "October"}, 0, 2.0 / 3},
  };
  for (const auto& [answer, answers, exact, f1] : cases) {
    EXPECT_DOUBLE_EQ(exact_match(answer, answers), exact) << answer;
    EXPECT_DOUBLE_EQ(token_f1(answer, answers), f1) << answer;
  }
}

TEST(AnswerMetricsTest, RougeComparesTheOrderOfWords) {
  const struct {
    std::string answer;
    std::vector<std::string> answers;
    double score;
  } cases[] = {
      // The examples of the paper's section 3.1.
      {"police kill the gunman", {"police killed the gunman"}, 0.75},
      {"the gunman kill police", {"police killed the gunman"}, 0.5},
      {"the gunman police killed", {"police killed the gunman"}, 0.5},
      {"Police-killed, THE gunman!", {"police killed the gunman"}, 1},
      {"one two", {"one two three four"}, 2.0 / 3},
      {"two one", {"nothing", "one two"}, 0.5},
      {"", {"one"}, 0},
      {"one", {}, 0},
      {"...", {"!"}, 0},
  };
  for (const auto& [answer, answers, score] : cases)
    EXPECT_DOUBLE_EQ(rouge_l(answer, answers), score) << answer;
}

TEST(AnswerMetricsTest, ATextHoldsAnAnswerWhereItsWordsStandInIt) {
  const std::string text = "The lighthouse, built by A. Smith, was lit in 1862.";
  const auto holds = [&](std::vector<std::string> answers) { return holds_answer(text, answers); };
  EXPECT_TRUE(holds({"1862"}));
  EXPECT_TRUE(holds({"in the year", "a Smith was lit"}));
  EXPECT_FALSE(holds({"186"})) << "a part of a word";
  EXPECT_FALSE(holds({"smith lit"}));
  EXPECT_FALSE(holds({"", "the", "..."}));
  EXPECT_FALSE(holds({}));
}

}  // namespace
}  // namespace tandem
