#include "server/tuning/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "server/http_error.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::vector<json> parsed(const std::string& lines) {
  std::vector<json> values;
  std::istringstream text(lines);
  for (std::string line; std::getline(text, line);) values.push_back(json::parse(line));
  return values;
}

TEST(TuningQuestionsTest, OwnLinesStayAsTheyAre) {
  const std::string lines =
      R"({"id": "q1", "question": "When?", "answers": ["1862"], "positives": ["p1"]})"
      "\n\n \t\r\n"
      R"({"query": "height", "positive": "p7", "negatives": ["p3"]})";
  const auto questions = parsed(to_question_lines(lines, "training_file"));
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0]["positives"], json({"p1"}));
  EXPECT_EQ(questions[1]["positive"], "p7");
}

TEST(TuningQuestionsTest, AChatIsAQuestionWithItsAnswer) {
  const std::string lines = R"({"messages": [{"role": "system", "content": "Be brief."},
      {"role": "user", "content": "When was it \"lit\"?"}, {"role": "assistant", "content": "1862"}]})";
  std::string line = lines;
  std::erase(line, '\n');
  const auto questions = parsed(to_question_lines(line, "training_file"));
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions[0], json({{"question", "When was it \"lit\"?"}, {"answers", {"1862"}}}));
}

TEST(TuningQuestionsTest, PartsOfTextAreJoined) {
  const std::string line =
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "When "},)"
      R"({"type": "text", "text": "was it?"}]}, {"role": "assistant", "content": "1862"}]})";
  EXPECT_EQ(parsed(to_question_lines(line, "training_file"))[0]["question"], "When was it?");
}

struct BadLine {
  const char* line;
  const char* why;
};

class BadTuningLine : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadTuningLine, IsRefusedByItsNumber) {
  const std::string lines = "{\"question\": \"Why?\"}\n" + std::string(GetParam().line);
  try {
    to_question_lines(lines, "validation_file");
    FAIL() << "nothing was thrown for " << GetParam().line;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), "validation_file");
    EXPECT_THAT(error.what(), HasSubstr("Line 2 "));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().why));
  }
}

INSTANTIATE_TEST_SUITE_P(
    TuningQuestionsTest, BadTuningLine,
    ::testing::Values(
        BadLine{"{", "no JSON object"}, BadLine{"[]", "no JSON object"},
        BadLine{"{\"question\": \"\xff\"}", "no JSON object"},
        BadLine{"{\"text\": \"a\"}", "neither"}, BadLine{R"({"question": ["a"]})", "neither"},
        BadLine{R"({"messages": "hello"})", "no array"}, BadLine{R"({"messages": []})", "lacks"},
        BadLine{R"({"messages": [1]})", "no object"},
        BadLine{R"({"messages": [{"role": "user"}]})", "\"content\""},
        BadLine{R"({"messages": [{"role": "user", "content": "a"}]})", "lacks"},
        BadLine{R"({"messages": [{"role": "assistant", "content": "a"}]})", "conversation"},
        BadLine{
            R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})",
            "conversation"},
        BadLine{
            R"({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}]})",
            "conversation"},
        BadLine{R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})",
                "\"text\""},
        BadLine{R"({"input": {}, "preferred_output": [], "non_preferred_output": []})", "dpo"}));

TEST(TuningQuestionsTest, NestingAndLengthAreBounded) {
  EXPECT_THROW(to_question_lines(std::string(100'000, '['), "training_file"), RequestError);
  const std::string deep =
      R"({"question": "a", "x": )" + std::string(1000, '[') + std::string(1000, ']') + "}";
  EXPECT_NO_THROW(to_question_lines(deep, "training_file"));
  const std::string wide = R"({"question": ")" + std::string(kMaxQuestionLineBytes, 'a') + "\"}";
  EXPECT_THROW(to_question_lines(wide, "training_file"), RequestError);
}

TEST(TuningQuestionsTest, AnEmptyFileIsRefused) {
  for (const char* const content : {"", "\n\n", "  \r\n"}) {
    EXPECT_THROW(to_question_lines(content, "training_file"), RequestError);
  }
}

}  // namespace
}  // namespace tandem
