#include "trainer/question_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "trainer/json_lines.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

constexpr std::string_view kCorpus =
    "{\"id\": \"a\", \"title\": \"Moon\", \"text\": \"It is far.\"}\n"
    "\n"
    "{\"id\": \"b\", \"text\": \"Sea\\u00e4\", \"more\": [[[[[[1]]]]]]}\r\n"
    "{\"id\": \"c\", \"title\": null, \"text\": \"Wood\"}";

class QuestionSetTest : public ::testing::Test {
 protected:
  std::filesystem::path file(std::string_view content) const {
    auto path = folder_.path() / "lines.jsonl";
    write_file_atomic(path, content);
    return path;
  }
  Corpus corpus() const { return read_corpus(file(kCorpus)); }
  // What the message says of a file of questions that is refused.
  std::string refused(std::string_view questions) const {
    const Corpus known = corpus();
    const auto error = error_of([&] { read_questions(file(questions), known); });
    if (!error) return "nothing";
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
    EXPECT_NE(error->advice(), "");
    return error->message();
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(QuestionSetTest, ReadsPassagesInTheOrderOfTheFile) {
  const Corpus read = corpus();
  ASSERT_EQ(read.passages.size(), 3u);
  EXPECT_EQ(read.passages[0].title, "Moon");
  EXPECT_EQ(read.passages[0].text, "It is far.");
  EXPECT_EQ(read.passages[1].text, "Seaä");
  EXPECT_EQ(read.passages[2].title, "");
  EXPECT_EQ(read.by_id.at("c"), 2u);
}

TEST_F(QuestionSetTest, ReadsQuestionsWithPlacesOfTheirPassages) {
  const auto questions = read_questions(
      file("{\"id\": \"q\", \"question\": \"How far?\", \"answers\": [\"far\", \"very\"], "
           "\"positives\": [\"c\", \"a\", \"c\"]}\n"
           "{\"question\": \"Why?\"}\n"),
      corpus());
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0].id, "q");
  EXPECT_THAT(questions[0].answers, ElementsAre("far", "very"));
  EXPECT_THAT(questions[0].positives, ElementsAre(0, 2));
  EXPECT_TRUE(questions[0].is_answerable());
  EXPECT_EQ(questions[1].id, "lines.jsonl:2");
  EXPECT_THAT(questions[1].answers, IsEmpty());
  EXPECT_FALSE(questions[1].is_answerable());
}

TEST_F(QuestionSetTest, ReadsTriplesOfIdsOrTexts) {
  const Corpus passages = corpus();
  const std::string text = passages.passages[0].text;
  const auto questions = read_questions(
      file("{\"query\": \"How far?\", \"positive\": \"" + text +
           "\", \"negatives\": [\"c\", \"b\"]}\n{\"query\": \"Why?\", \"positive\": \"b\"}\n"),
      passages);
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0].text, "How far?");
  EXPECT_THAT(questions[0].positives, ElementsAre(0));
  EXPECT_THAT(questions[0].negatives, ElementsAre(1, 2));
  EXPECT_THAT(questions[1].positives, ElementsAre(1));
}

TEST_F(QuestionSetTest, WhatIsWrittenIsReadAgain) {
  const Corpus passages = corpus();
  std::vector<Question> questions = {{"1", "How \"far\"?", {"far", "ä"}, {0, 2}, {1}},
                                     {"2", "Why?", {}, {}}};
  const auto path = file("");
  write_questions(path, passages, questions);
  const auto again = read_questions(path, passages);
  ASSERT_EQ(again.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again[i].id, questions[i].id);
    EXPECT_EQ(again[i].text, questions[i].text);
    EXPECT_EQ(again[i].answers, questions[i].answers);
    EXPECT_EQ(again[i].positives, questions[i].positives);
    EXPECT_EQ(again[i].negatives, questions[i].negatives);
  }
  EXPECT_EQ(testing::error_code_of([&] { add_questions(questions, again); }),
            ErrorCode::kInvalidArgument);
}

TEST_F(QuestionSetTest, PassagesOfADocumentHaveItsNameOrTheirTitleInCommon) {
  EXPECT_EQ(document_of({"id", "title", "text", "document"}), "document");
  EXPECT_EQ(document_of({"id", "title", "text"}), "title");
  EXPECT_EQ(document_of({"id", "", "text"}), "id");
}

TEST_F(QuestionSetTest, NamesTheLineOfWhatItRefuses) {
  const struct {
    std::string_view line;
    std::string_view problem;
  } cases[] = {
      {R"({"answers": ["x"]})", "\"question\" is missing"},
      {R"({"question": ""})", "\"question\" is missing or empty"},
      {R"({"question": "  "})", "\"question\" is blank"},
      {R"({"question": 3})", "\"question\" is no string"},
      {R"({"question": "x", "answers": ["y", " "]})", "an answer is empty"},
      {R"({"question": "x", "answers": "y"})", "\"answers\" is no array of strings"},
      {R"({"question": "x", "answers": ["y", 1]})", "\"answers\" is no array of strings"},
      {R"({"question": "x", "positives": ["d"]})", "the corpus has no passage \"d\""},
      {R"({"query": "x", "positive": "d"})", "the corpus has no passage \"d\""},
      {R"({"query": "x", "positive": ["a"]})", "\"positive\" is no string"},
      {R"({"query": "x", "positive": "a", "negatives": ["b", "a"]})",
       "passage \"a\" is both positive and negative"},
      {R"({"id": "1", "question": "x"})", "a question before has the id \"1\""},
      {R"({"question": "x")", "it is not JSON"},
      {R"(["x"])", "it is no JSON object"},
      {R"({"question": "\ud800"})", "it is not JSON"},
      {"{\"question\": \"\xff\"}", "it is not UTF-8"},
  };
  for (const auto& [line, problem] : cases) {
    const auto message =
        refused("{\"id\": \"1\", \"question\": \"fine\"}\n" + std::string(line) + "\n");
    EXPECT_THAT(message, HasSubstr("lines.jsonl, line 2: " + std::string(problem))) << line;
  }
  EXPECT_THAT(refused("\n \n"), HasSubstr("has no questions"));
}

TEST_F(QuestionSetTest, RefusesBadCorpora) {
  const struct {
    std::string_view corpus;
    std::string_view problem;
  } cases[] = {
      {"{\"id\": \"a\", \"text\": \"x\"}\n{\"id\": \"a\", \"text\": \"y\"}", "line 2: a passage"},
      {"{\"text\": \"x\"}", "line 1: \"id\" is missing"},
      {"{\"id\": \"a\"}", "line 1: \"text\" is missing"},
      {"{\"id\": \"a\", \"text\": \"\\n\"}", "line 1: \"text\" is blank"},
      {"", "has no passages"},
  };
  for (const auto& bad : cases) {
    const auto error = error_of([&] { read_corpus(file(bad.corpus)); });
    ASSERT_TRUE(error) << bad.corpus;
    EXPECT_THAT(error->message(), HasSubstr(std::string(bad.problem)));
  }
  EXPECT_EQ(testing::error_code_of([] { read_corpus("/nowhere/at/all"); }), ErrorCode::kNotFound);
  EXPECT_EQ(testing::error_code_of([] { read_corpus("/"); }), ErrorCode::kNotFound);
}

TEST_F(QuestionSetTest, TakesLinesUpToTheLimit) {
  const std::string around = R"({"id": "a", "text": ""})";
  const std::string head = R"({"id": "a", "text": ")";
  std::string line = head + std::string(kMaxJsonLineBytes - around.size(), 'x') + "\"}";
  EXPECT_EQ(read_corpus(file(line)).passages.size(), 1u);
  EXPECT_EQ(read_corpus(file(line + "\n" + R"({"id": "b", "text": "y"})")).passages.size(), 2u);
  line.insert(head.size(), "x");
  const auto error = error_of([&] { read_corpus(file(line + "\n")); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message(), HasSubstr("line 1: it has more than 16 MiB"));
}

}  // namespace
}  // namespace tandem
