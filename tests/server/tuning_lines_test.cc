#include "server/tuning/lines.h"

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

std::vector<json> questions_of(const std::string& content) {
  return parsed(to_training_lines(content, TuningMethod::kJoint, "training_file"));
}

std::vector<json> preferences_of(const std::string& content) {
  return parsed(to_training_lines(content, TuningMethod::kDpo, "training_file"));
}

TEST(TuningLinesTest, OwnLinesStayAsTheyAre) {
  const std::string lines =
      R"({"id": "q1", "question": "When?", "answers": ["1862"], "positives": ["p1"]})"
      "\n\n \t\r\n"
      R"({"query": "height", "positive": "p7", "negatives": ["p3"]})";
  const auto questions = questions_of(lines);
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0]["positives"], json({"p1"}));
  EXPECT_EQ(questions[1]["positive"], "p7");
}

TEST(TuningLinesTest, AChatIsAQuestionWithItsAnswer) {
  const std::string lines = R"({"messages": [{"role": "system", "content": "Be brief."},
      {"role": "user", "content": "When was it \"lit\"?"}, {"role": "assistant", "content": "1862"}]})";
  std::string line = lines;
  std::erase(line, '\n');
  const auto questions = questions_of(line);
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions[0], json({{"question", "When was it \"lit\"?"}, {"answers", {"1862"}}}));
}

TEST(TuningLinesTest, PartsOfTextAreJoined) {
  const std::string line =
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "When "},)"
      R"({"type": "text", "text": "was it?"}]}, {"role": "assistant", "content": "1862"}]})";
  EXPECT_EQ(questions_of(line)[0]["question"], "When was it?");
}

constexpr char kPreference[] =
    R"({"input": {"messages": [{"role": "system", "content": "Be brief."},)"
    R"({"role": "user", "content": "When?"}], "tools": []},)"
    R"("preferred_output": [{"role": "assistant", "content": "1862"}],)"
    R"("non_preferred_output": [{"role": "assistant", "content": "Long ago."}]})";

TEST(TuningLinesTest, PreferencesMayBeOfEitherKind) {
  const std::string own =
      R"({"question": "Who?", "passages": ["3"], "chosen": "a", "rejected": "b"})";
  const auto pairs = preferences_of(kPreference + std::string("\n") + own);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0], json({{"question", "When?"}, {"chosen", "1862"}, {"rejected", "Long ago."}}));
  EXPECT_EQ(pairs[1], json::parse(own));
}

TEST(TuningLinesTest, WhatIsNoPreferenceIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"question": "a", "answers": ["b"]})", "neither"},
      {R"({"messages": []})", "neither"},
      {R"({"input": "a"})", "neither"},
      {R"({"input": {}})", "no array"},
      {R"({"input": {"messages": []}})", "question of the user"},
      {R"({"input": {"messages": [{"role": "user", "content": "a"}]}})", "\"preferred_output\""},
      {R"({"input": {"messages": [{"role": "user", "content": "a"}]}, "preferred_output": [1]})",
       "no object"}};
  for (const auto& [line, why] : cases) {
    try {
      preferences_of(line);
      ADD_FAILURE() << "nothing was thrown for " << line;
    } catch (const RequestError& error) {
      EXPECT_THAT(error.what(), HasSubstr(why)) << line;
    }
  }
  std::string two = kPreference;
  two.insert(two.rfind(']'), R"(, {"role": "assistant", "content": "Or this."})");
  EXPECT_THROW(preferences_of(two), RequestError);
}

struct BadLine {
  const char* line;
  const char* why;
};

class BadTuningLine : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadTuningLine, IsRefusedByItsNumber) {
  const std::string lines = "{\"question\": \"Why?\"}\n" + std::string(GetParam().line);
  try {
    to_training_lines(lines, TuningMethod::kJoint, "validation_file");
    FAIL() << "nothing was thrown for " << GetParam().line;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.param(), "validation_file");
    EXPECT_THAT(error.what(), HasSubstr("Line 2 "));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().why));
  }
}

INSTANTIATE_TEST_SUITE_P(
    TuningLinesTest, BadTuningLine,
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

TEST(TuningLinesTest, NestingAndLengthAreBounded) {
  EXPECT_THROW(questions_of(std::string(100'000, '[')), RequestError);
  const std::string deep =
      R"({"question": "a", "x": )" + std::string(1000, '[') + std::string(1000, ']') + "}";
  EXPECT_NO_THROW(questions_of(deep));
  const std::string wide = R"({"question": ")" + std::string(kMaxTrainingLineBytes, 'a') + "\"}";
  EXPECT_THROW(questions_of(wide), RequestError);
}

TEST(TuningLinesTest, AnEmptyFileIsRefused) {
  for (const char* const content : {"", "\n\n", "  \r\n"}) {
    EXPECT_THROW(questions_of(content), RequestError);
  }
}

}  // namespace
}  // namespace tandem
