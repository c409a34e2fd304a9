#include "trainer/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/error.h"
#include "retriever/passage_text.h"
#include "tests/support/errors.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/fake_generator.h"

namespace tandem {
namespace {

using testing::FakeEncoder;
using testing::FakeGenerator;
using ::testing::HasSubstr;
using ::testing::Not;

// "Passage N" is what a question finds that has its embedding text.
Corpus make_corpus(std::size_t size) {
  Corpus corpus;
  for (std::size_t i = 0; i < size; ++i) {
    corpus.passages.push_back({"p" + std::to_string(i), "Title " + std::to_string(i),
                               "text of " + std::to_string(i) + "."});
    corpus.by_id[corpus.passages.back().id] = i;
  }
  return corpus;
}

Question ask_for(const Corpus& corpus, std::size_t passage, std::vector<std::string> answers,
                 std::vector<std::size_t> positives) {
  return {"q" + std::to_string(passage), embedding_text(to_passage(corpus.passages.at(passage))),
          std::move(answers), std::move(positives)};
}

TEST(EvaluationTest, ScoresCitationsWhereThereIsSomethingToCiteFor) {
  const Corpus corpus = make_corpus(3);
  const std::vector<Question> questions = {
      ask_for(corpus, 0, {"zero"}, {0}),  // quotes its positive
      ask_for(corpus, 1, {"one"}, {2}),   // quotes another passage
      ask_for(corpus, 2, {"two"}, {2}),   // answers in words that no passage has
      {"none", "Which?", {}, {}},
  };
  FakeGenerator generator;
  generator.reply = [](const std::string& prompt) -> std::string {
    for (const char* const number : {"0", "1"})
      if (prompt.find(std::string("Question: Title ") + number) != std::string::npos)
        return std::string("text of ") + number + ".";
    return prompt.find("Which?") != std::string::npos ? "This is text of 0." : "It's two";
  };
  const auto report = evaluate(corpus, questions, FakeEncoder(), &generator, {.passages = 3});
  const auto score = [&](std::size_t i, const char* name) {
    const auto& scores = report.results[i].scores;
    return scores.contains(name) ? scores.at(name) : -1;
  };
  EXPECT_EQ(score(0, "citation_precision"), 1);
  EXPECT_EQ(score(0, "citation_recall"), 1);
  EXPECT_EQ(score(1, "citation_precision"), 0);
  EXPECT_EQ(score(1, "citation_recall"), 0);
  EXPECT_EQ(score(2, "citation_precision"), -1);
  EXPECT_EQ(score(2, "citation_recall"), 0);
  EXPECT_EQ(score(3, "citation_precision"), -1);
  EXPECT_EQ(score(3, "citation_recall"), -1);
}

TEST(EvaluationTest, AnswersSomeOfTheQuestionsEvenlyApart) {
  const Corpus corpus = make_corpus(10);
  std::vector<Question> questions;
  for (std::size_t i = 0; i < 10; ++i) questions.push_back(ask_for(corpus, i, {"right"}, {i}));
  FakeGenerator generator;
  generator.reply = [](const std::string&) { return "right"; };
  const auto report = evaluate(corpus, questions, FakeEncoder(), &generator, {.answered = 4});
  for (std::size_t i = 0; i < 10; ++i) {
    const QuestionResult& result = report.results[i];
    EXPECT_EQ(result.scores.at("recall@1"), 1);
    EXPECT_EQ(result.answer.has_value(), i == 0 || i == 2 || i == 5 || i == 7) << i;
    EXPECT_EQ(result.scores.contains("f1"), result.answer.has_value());
  }
}

TEST(EvaluationTest, ScoresRankingsAndAnswers) {
  const Corpus corpus = make_corpus(30);
  const std::vector<Question> questions = {
      ask_for(corpus, 3, {"the right one", "other"}, {3}),
      ask_for(corpus, 4, {"right"}, {5}),  // of which the wrong passage is found first
      ask_for(corpus, 6, {}, {}),
      ask_for(corpus, 7, {}, {}),
      ask_for(corpus, 8, {}, {8}),  // whose answer is not known
  };
  FakeGenerator generator;
  generator.reply = [](const std::string& prompt) -> std::string {
    if (prompt.find("Question: Title 6") != std::string::npos) return "I do not know.";
    if (prompt.find("Question: Title 7") != std::string::npos) return "Seven";
    return "Right one!";
  };
  const auto report = evaluate(corpus, questions, FakeEncoder(), &generator, {.max_tokens = 17});
  EXPECT_EQ(generator.max_tokens, 17);
  ASSERT_EQ(report.results.size(), 5u);

  const QuestionResult& good = report.results[0];
  EXPECT_EQ(good.id, "q3");
  EXPECT_TRUE(good.answerable);
  ASSERT_EQ(good.found.size(), 20u);
  EXPECT_EQ(good.found[0], "p3");
  EXPECT_EQ(good.answer, "Right one!");
  EXPECT_EQ(good.scores.at("recall@1"), 1);
  EXPECT_EQ(good.scores.at("mrr"), 1);
  EXPECT_EQ(good.scores.at("ndcg@10"), 1);
  EXPECT_EQ(good.scores.at("exact_match"), 1);
  EXPECT_EQ(good.scores.at("abstained"), 0);

  const QuestionResult& bad = report.results[1];
  EXPECT_EQ(bad.scores.at("recall@1"), 0);
  EXPECT_LT(bad.scores.at("mrr"), 1);
  EXPECT_EQ(bad.scores.at("exact_match"), 0);
  EXPECT_DOUBLE_EQ(bad.scores.at("f1"), 2.0 / 3);

  const QuestionResult& held_back = report.results[2];
  EXPECT_FALSE(held_back.answerable);
  EXPECT_EQ(held_back.scores.count("recall@1"), 0u);
  EXPECT_EQ(held_back.scores.at("abstained"), 1);
  EXPECT_EQ(held_back.scores.at("exact_match"), 1);
  EXPECT_EQ(held_back.scores.count("rouge_l"), 0u);
  EXPECT_EQ(report.results[3].scores.at("exact_match"), 0);

  EXPECT_EQ(report.results[4].scores.count("exact_match"), 0u);
  EXPECT_EQ(report.results[4].scores.at("recall@1"), 1);
}

TEST(EvaluationTest, AbstainingIsNoAnswerToAQuestionThatHasOne) {
  const Corpus corpus = make_corpus(2);
  const std::vector<Question> questions = {ask_for(corpus, 0, {"you do not know"}, {0})};
  FakeGenerator generator;
  generator.reply = [](const std::string&) { return "I do not know"; };
  const auto report = evaluate(corpus, questions, FakeEncoder(), &generator);
  EXPECT_EQ(report.results[0].scores.at("abstained"), 1);
  EXPECT_EQ(report.results[0].scores.at("f1"), 0);
}

TEST(EvaluationTest, PromptsHoldTheBestPassagesThatFit) {
  Corpus corpus = make_corpus(6);
  const std::vector<Question> questions = {ask_for(corpus, 2, {"x"}, {2})};
  std::string prompt;
  FakeGenerator generator;
  generator.reply = [&](const std::string& text) { return prompt = text, "x"; };
  const auto count = [&] {
    std::size_t passages = 0;
    for (std::size_t at = 0; (at = prompt.find("text of ", at)) != std::string::npos; ++at)
      ++passages;
    return passages - 1;  // the question's own
  };
  evaluate(corpus, questions, FakeEncoder(), &generator, {.passages = 3});
  EXPECT_EQ(count(), 3u);
  EXPECT_THAT(prompt, HasSubstr("[1] Title 2\ntext of 2."));
  // A context of 4,000 bytes has room for two of these.
  for (TrainingPassage& passage : corpus.passages) passage.text.append(1'500, 'x');
  evaluate(corpus, {{ask_for(corpus, 2, {"x"}, {2})}}, FakeEncoder(), &generator, {.passages = 5});
  EXPECT_THAT(prompt, Not(HasSubstr("[2]")));
  EXPECT_THAT(prompt, HasSubstr("[1] Title 2"));
}

TEST(EvaluationTest, AsksTheRetrieverAlone) {
  const Corpus corpus = make_corpus(3);
  const std::vector<Question> questions = {ask_for(corpus, 1, {"x"}, {1}),
                                           ask_for(corpus, 2, {}, {})};
  const auto report = evaluate(corpus, questions, FakeEncoder(), nullptr);
  EXPECT_EQ(report.results[0].answer, std::nullopt);
  EXPECT_EQ(report.results[0].scores.count("exact_match"), 0u);
  EXPECT_EQ(report.results[0].scores.at("recall@1"), 1);
  EXPECT_EQ(report.results[0].found.size(), 3u);
  EXPECT_TRUE(report.results[1].scores.empty());
}

TEST(EvaluationTest, AnswersSeveralAtOnceAndReportsProgress) {
  const Corpus corpus = make_corpus(40);
  std::vector<Question> questions;
  for (std::size_t i = 0; i < 40; ++i) questions.push_back(ask_for(corpus, i, {"x"}, {i}));
  FakeGenerator generator;
  generator.reply = [](const std::string& prompt) { return prompt.substr(prompt.rfind("of ")); };
  std::size_t answered = 0;
  std::size_t calls = 0;
  const auto report = evaluate(corpus, questions, FakeEncoder(), &generator, {.concurrent = 4},
                               [&](std::string_view stage, std::size_t done, std::size_t total) {
                                 if (stage != "answering") return;
                                 ++calls;
                                 EXPECT_EQ(total, 40u);
                                 EXPECT_GE(done, answered);
                                 answered = done;
                               });
  EXPECT_GT(generator.most_running, 1u);
  EXPECT_LE(generator.most_running, 4u);
  EXPECT_EQ(answered, 40u);
  EXPECT_EQ(calls, 41u);
  for (std::size_t i = 0; i < 40; ++i)
    EXPECT_EQ(report.results[i].answer, "of " + std::to_string(i) + ".\n");
}

TEST(EvaluationTest, EndsWithTheErrorOfTheFirstAnswerThatFails) {
  const Corpus corpus = make_corpus(40);
  std::vector<Question> questions;
  for (std::size_t i = 0; i < 40; ++i) questions.push_back(ask_for(corpus, i, {"x"}, {i}));
  FakeGenerator generator;
  std::atomic<int> asked = 0;
  generator.reply = [&](const std::string&) -> std::string {
    if (++asked > 3) throw Error(ErrorCode::kResourceExhausted, "no memory");
    return "x";
  };
  EXPECT_EQ(testing::error_code_of(
                [&] { evaluate(corpus, questions, FakeEncoder(), &generator, {.concurrent = 3}); }),
            ErrorCode::kResourceExhausted);
  EXPECT_LT(asked, 10);
}

}  // namespace
}  // namespace tandem
