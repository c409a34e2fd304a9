#include "trainer/preference_set.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/trainer/run_samples.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

class PreferenceSetTest : public ::testing::Test {
 protected:
  PreferenceSetTest() {
    write_file_atomic(folder_.path() / "corpus.jsonl", testing::kSmallCorpus);
    corpus_ = read_corpus(folder_.path() / "corpus.jsonl");
  }
  std::vector<PreferencePair> read(std::string_view lines) const {
    write_file_atomic(folder_.path() / "pairs.jsonl", lines);
    return read_preferences(folder_.path() / "pairs.jsonl", corpus_);
  }

  testing::TemporaryFolder folder_;
  Corpus corpus_;
};

TEST_F(PreferenceSetTest, ReadsPairsInTheOrderOfTheirPassages) {
  const auto pairs = read(
      R"({"id": "a", "question": "When?", "passages": ["p3", "The lighthouse of Varn was lit in 1862."], "chosen": "1862", "rejected": "1900"}
{"question": "Where?", "passages": [], "chosen": "there", "rejected": "here"}
{"question": "Who?", "chosen": "he", "rejected": "she", "passages": null})");
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[0].id, "a");
  EXPECT_EQ(pairs[0].question, "When?");
  EXPECT_EQ(pairs[0].chosen, "1862");
  EXPECT_EQ(pairs[0].rejected, "1900");
  EXPECT_THAT(pairs[0].passages, Optional(ElementsAre(2, 0)));
  EXPECT_EQ(pairs[1].id, "pairs.jsonl:2");
  EXPECT_THAT(pairs[1].passages, Optional(IsEmpty()));
  EXPECT_FALSE(pairs[2].passages.has_value()) << "to be retrieved";
}

TEST_F(PreferenceSetTest, LinesThatSayNothingAreRefusedByNumber) {
  const std::string good = R"({"id": "a", "question": "q", "chosen": "x", "rejected": "y"})";
  const struct {
    const char* line;
    const char* message;
  } cases[] = {
      {R"({"chosen": "x", "rejected": "y"})", "\"question\" is missing"},
      {R"({"question": " ", "chosen": "x", "rejected": "y"})", "\"question\" is blank"},
      {R"({"question": "q", "rejected": "y"})", "\"chosen\" is missing"},
      {R"({"question": "q", "chosen": "", "rejected": "y"})", "\"chosen\" is missing or empty"},
      {R"({"question": "q", "chosen": "x", "rejected": "\n"})", "\"rejected\" is blank"},
      {R"({"question": "q", "chosen": ["x"], "rejected": "y"})", "\"chosen\" is no string"},
      {R"({"question": "q", "chosen": "x", "rejected": " x\n"})", "both answers are the same"},
      {R"({"question": "q", "chosen": "x", "rejected": "y", "passages": ["p9"]})", "\"p9\""},
      {R"({"question": "q", "chosen": "x", "rejected": "y", "passages": ["p1", "p1"]})", "twice"},
      {R"({"question": "q", "chosen": "x", "rejected": "y", "passages": "p1"})", "no array"},
      {R"({"id": "a", "question": "q", "chosen": "x", "rejected": "y"})", "has the id \"a\" too"},
      {R"([1])", "no JSON object"},
      {R"({"question": )", "not JSON"},
  };
  for (const auto& [line, message] : cases) {
    const std::string lines = good + "\n" + line;
    const auto error = error_of([&] { read(lines); });
    ASSERT_TRUE(error.has_value()) << line;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << line;
    EXPECT_THAT(error->message(), HasSubstr("line 2")) << line;
    EXPECT_THAT(error->message(), HasSubstr(message)) << line;
    EXPECT_NE(error->advice(), "") << line;
  }
  EXPECT_EQ(testing::error_code_of([&] { read("\n"); }), ErrorCode::kCorrupt);
}

TEST_F(PreferenceSetTest, PairsOfOneQuestionStayTogether) {
  std::string lines;
  for (int question = 0; question < 5; ++question)
    for (int pair = 0; pair < 2; ++pair) {
      const std::string name(3, static_cast<char>('a' + question));
      lines += fmt::format(
          R"({{"id": "{0}{1}", "question": "What is {0}?", "chosen": "x", "rejected": "y"}})"
          "\n",
          name, pair);
    }
  const PreferenceSets sets = keep_aside(read(lines), 0.4, 1);
  EXPECT_EQ(sets.dev.size(), 4u);
  ASSERT_EQ(sets.pairs.size(), 6u);
  EXPECT_NO_THROW(require_apart(sets.pairs, sets.dev));
  EXPECT_EQ(testing::error_code_of([&] {
              require_apart(sets.pairs, {&sets.pairs[2], 1});
            }),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
