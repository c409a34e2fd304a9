// Questions that are kept aside, and whether two sets are apart.
#include "trainer/question_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <sstream>

#include "base/error.h"
#include "tests/support/errors.h"
#include "trainer/question_leaks.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

Question asked(std::string id, std::string text, std::vector<std::size_t> positives = {}) {
  return {std::move(id), std::move(text), {}, std::move(positives)};
}

// Documents A (two passages), B, C and one without a name.
Corpus sample_corpus() {
  Corpus corpus;
  corpus.passages = {{"1", "A", "one"},
                     {"2", "A", "two"},
                     {"3", "Title", "three", "B"},
                     {"4", "Title", "four", "C"},
                     {"5", "", "five"}};
  return corpus;
}

TEST(QuestionLeaksTest, FindsTheSameAndNearlyTheSameQuestions) {
  const std::vector<Question> learned = {
      asked("a", "When was the lighthouse of Varn lit for the first time?"),
      asked("b", "What is the population of Boston?"), asked("c", "Who?"),
      asked("d", "In which of the years that the chronicle names did the mill burn down twice?")};
  const std::vector<Question> measured = {
      asked("w", "when was lighthouse of Varn lit for the first time"),
      asked("x", "What is the population of Austin?"), asked("y", "Where?"),
      asked("z", "In which of the years that the chronicle names did the mill burn down once?")};
  const QuestionLeaks leaks = find_leaks({}, learned, measured);
  EXPECT_THAT(leaks.questions, ElementsAre(Pair("a", "w"), Pair("d", "z")));
  EXPECT_TRUE(leaks.documents.empty());
  EXPECT_THAT(describe_leaks(leaks), HasSubstr("such as w and a"));
}

TEST(QuestionLeaksTest, FindsDocumentsThatHoldAnswersToBoth) {
  const Corpus corpus = sample_corpus();
  const std::vector<Question> learned = {asked("a", "Alpha?", {0}), asked("b", "Beta?", {2}),
                                         asked("c", "Gamma?", {4})};
  const std::vector<Question> measured = {asked("x", "Delta?", {1}), asked("y", "Epsilon?", {3}),
                                          asked("z", "Zeta?", {4})};
  const QuestionLeaks leaks = find_leaks(corpus, learned, measured);
  EXPECT_THAT(leaks.documents, ElementsAre("5", "A"));
  EXPECT_TRUE(leaks.questions.empty());
  EXPECT_THAT(describe_leaks(leaks), HasSubstr("2 documents hold answers to both, such as \"5\""));
}

// Against comparing every pair.
TEST(QuestionLeaksTest, MissesNoPair) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<Question> questions;
  std::vector<std::set<std::string>> words;
  for (int i = 0; i < 400; ++i) {
    std::string text;
    std::set<std::string> some;
    for (int length = 1 + static_cast<int>(random() % 14); length > 0; --length) {
      // Some words are in nearly all of them.
      const std::string word =
          "w" + std::to_string(random() % 3 == 0 ? random() % 9 : random() % 3);
      text += word + " ";
      some.insert(word);
    }
    questions.push_back(asked(std::to_string(i), text));
    words.push_back(some);
  }
  std::vector<std::pair<std::size_t, std::size_t>> expected;
  for (std::size_t i = 0; i < 200; ++i)
    for (std::size_t j = 200; j < 400; ++j) {
      std::set<std::string> all = words[i];
      all.insert(words[j].begin(), words[j].end());
      const auto common = static_cast<double>(words[i].size() + words[j].size() - all.size());
      if (common >= kNearQuestions * static_cast<double>(all.size()))
        expected.emplace_back(i, j - 200);
    }
  const auto found =
      near_questions(std::span(questions).first(200), std::span(questions).subspan(200));
  EXPECT_GT(expected.size(), 10u);
  EXPECT_EQ(found, expected);
}

// Twenty documents with three questions each.
class QuestionSplitTest : public ::testing::Test {
 protected:
  QuestionSplitTest() {
    for (std::size_t i = 0; i < 20; ++i)
      corpus_.passages.push_back({"p" + std::to_string(i), "d" + std::to_string(i), "text"});
    for (std::size_t i = 0; i < 60; ++i)
      questions_.push_back(
          asked("q" + std::to_string(i), "Number " + std::to_string(i) + "?", {i % 20}));
  }

  QuestionLeaks leaks_of(const std::vector<bool>& aside) const {
    std::vector<Question> parts[2];
    for (std::size_t i = 0; i < questions_.size(); ++i)
      parts[aside[i] ? 1 : 0].push_back(questions_[i]);
    return find_leaks(corpus_, parts[0], parts[1]);
  }

  Corpus corpus_;
  std::vector<Question> questions_;
};

TEST_F(QuestionSplitTest, KeepsWholeDocumentsAsideAndTheShareOfTheQuestions) {
  questions_.push_back(asked("pair", "Of two documents?", {3, 4}));
  questions_.push_back(asked("none", "Number 7?"));  // near one of document 7, without a document
  const auto aside = split_by_document(corpus_, questions_, {.share = 0.3, .seed = 5});
  EXPECT_TRUE(leaks_of(aside).empty());
  const auto kept = std::count(aside.begin(), aside.end(), true);
  EXPECT_LE(kept, 18);
  EXPECT_GE(kept, 12);
  EXPECT_EQ(aside[3], aside[4]);
  EXPECT_EQ(aside[7], aside.back());
}

TEST_F(QuestionSplitTest, FollowsFromTheSeed) {
  std::set<std::vector<bool>> seen;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto aside = split_by_document(corpus_, questions_, {.share = 0.2, .seed = seed});
    EXPECT_EQ(aside, split_by_document(corpus_, questions_, {.share = 0.2, .seed = seed}));
    EXPECT_EQ(std::count(aside.begin(), aside.end(), true), 12);
    seen.insert(aside);
  }
  EXPECT_GT(seen.size(), 3u);
}

TEST_F(QuestionSplitTest, KeepsAtLeastOneDocumentAsideAndNeverAll) {
  const auto aside = split_by_document(corpus_, questions_, {.share = 0.01});
  EXPECT_EQ(std::count(aside.begin(), aside.end(), true), 3);
  for (Question& question : questions_) question.positives = {0};
  const auto error = testing::error_of([&] { split_by_document(corpus_, questions_, {}); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(
      testing::error_of([&] { split_by_document(corpus_, questions_, {.share = 1}); }).has_value());
}

}  // namespace
}  // namespace tandem
