#include "trainer/question_result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;

TEST(QuestionResultTest, WhatIsWrittenIsRead) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "answers.jsonl";
  QuestionResult full{"q\n1", true, {"p1", "p2"}, "an \"answer\"\nä", {}};
  full.scores = {{kTokenF1, 2.0 / 3}, {kExactMatch, 0.0}, {kReciprocalRank, 0.1}};
  const QuestionResult bare{"q2", false, {}, std::nullopt, {}};
  write_results(path, std::vector{full, bare});
  const auto read = read_results(path);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].id, full.id);
  EXPECT_EQ(read[0].found, full.found);
  EXPECT_EQ(read[0].answer, full.answer);
  EXPECT_EQ(read[0].scores, full.scores);
  EXPECT_TRUE(read[0].answerable);
  EXPECT_FALSE(read[1].answerable);
  EXPECT_EQ(read[1].answer, std::nullopt);
}

TEST(QuestionResultTest, RefusesWhatItWouldNotHaveWritten) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "answers.jsonl";
  const struct {
    std::string_view line;
    std::string_view problem;
  } cases[] = {
      {R"({"id": "a"})", "\"a\" too"},
      {R"({"found": []})", "\"id\" is missing"},
      {R"({"id": "b", "f1": 1.5})", "\"f1\" is not from 0 to 1"},
      {R"({"id": "b", "f1": "1"})", "\"f1\" is no number"},
      {R"({"id": "b", "answerable": 1})", "\"answerable\" is neither"},
  };
  for (const auto& [line, problem] : cases) {
    write_file_atomic(path, "{\"id\": \"a\"}\n" + std::string(line));
    const auto error = testing::error_of([&] { read_results(path); });
    ASSERT_TRUE(error) << line;
    EXPECT_THAT(error->message(), HasSubstr("line 2"));
    EXPECT_THAT(error->message(), HasSubstr(std::string(problem)));
  }
}

}  // namespace
}  // namespace tandem
