#include "retriever/text_analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "base/utf8.h"
#include "tests/support/errors.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using testing::error_code_of;
using ::testing::IsEmpty;

TEST(TextAnalysisTest, TextsBecomeTerms) {
  const struct {
    const char* language;
    const char* text;
    std::vector<std::string> terms;
  } cases[] = {
      {"english",
       "The databases' pages, running QUICKLY!",
       {"the", "databas", "page", "run", "quick"}},
      {"english",
       "sqlite3_open() takes 3.14 or e-mail",
       {"sqlite3_open", "take", "3.14", "or", "e", "mail"}},
      {"english", "Tom's Tom\xE2\x80\x99s", {"tom", "tom"}},
      // Compatibility forms and case: fullwidth letters, a ligature, a decomposed accent.
      {"english",
       "\xEF\xBC\xB3\xEF\xBC\xB1\xEF\xBC\xAC \xEF\xAC\x81sh cafe\xCC\x81 CAF\xC3\x89",
       {"sql", "fish", "caf\xC3\xA9", "caf\xC3\xA9"}},
      {"none", "Running Databases", {"running", "databases"}},
      {"french", "Les chevaux mangeaient", {"le", "cheval", "mang"}},
      {"german",
       "H\xC3\xA4user STRASSE stra\xC3\x9F"
       "e",
       {"haus", "strass", "strass"}},
      {"russian", "\xD0\xB1\xD0\xB0\xD0\xB7\xD1\x8B", {"\xD0\xB1\xD0\xB0\xD0\xB7"}},
      // Pairs of characters, whatever the dictionary says of words; Latin words stay apart.
      {"english",
       "\xE6\x9D\xB1\xE4\xBA\xAC\xE9\x83\xBD"
       "A\xE5\xA4\xA9",
       {"\xE6\x9D\xB1\xE4\xBA\xAC", "\xE4\xBA\xAC\xE9\x83\xBD", "a", "\xE5\xA4\xA9"}},
      {"english", "\xE6\x9D\xB1 \xE4\xBA\xAC", {"\xE6\x9D\xB1", "\xE4\xBA\xAC"}},
      {"english",
       "\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4",
       {"\xED\x95\x9C\xEA\xB5\xAD", "\xEA\xB5\xAD\xEC\x96\xB4"}},
      {"english", " .,;-- \n", {}},
      {"english", "", {}},
  };
  for (const auto& example : cases) {
    EXPECT_THAT(TextAnalysis(example.language).terms(example.text), ElementsAreArray(example.terms))
        << example.text;
  }
}

TEST(TextAnalysisTest, LongWordsAreCutBetweenCharacters) {
  std::string word = "x";
  for (int i = 0; i < 100; ++i) word += "\xC3\xA9";
  const auto terms = TextAnalysis().terms(word);
  ASSERT_EQ(terms.size(), 1u);
  EXPECT_EQ(terms[0].size(), kMaxTermBytes - 1);
  EXPECT_TRUE(is_valid_utf8(terms[0]));
}

TEST(TextAnalysisTest, CountsEachTermOnce) {
  const PassageTerms terms = TextAnalysis().count("b a b runs run");
  EXPECT_EQ(terms.length, 5u);
  EXPECT_THAT(terms.counts, ElementsAre(TermCount{"a", 1}, TermCount{"b", 2}, TermCount{"run", 2}));
}

TEST(TextAnalysisTest, UnknownLanguagesAreRefused) {
  EXPECT_EQ(error_code_of([] { TextAnalysis("klingon"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([] { TextAnalysis(""); }), ErrorCode::kInvalidArgument);
  for (const std::string& language : analysis_languages()) {
    EXPECT_EQ(language_of_analysis(TextAnalysis(language).id()), language);
  }
  EXPECT_EQ(language_of_analysis(""), "");
}

// Any valid text gives terms that the store accepts, from several threads at once.
TEST(TextAnalysisTest, AnyTextGivesStorableTerms) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto try_texts = [seed](unsigned thread) {
    std::mt19937 random(seed + thread);
    const TextAnalysis analysis(thread % 2 == 0 ? "english" : "arabic");
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (auto size = random() % 200; size > 0; --size) {
        const char32_t ranges[] = {0x80, 0x800, 0x3100, 0xAC10, 0x20000, 0x110000};
        append_utf8(static_cast<char32_t>(random() % ranges[random() % 6]), text);
      }
      for (const std::string& term : analysis.terms(repair_utf8(text))) {
        ASSERT_FALSE(term.empty());
        ASSERT_LE(term.size(), kMaxTermBytes);
        ASSERT_EQ(term.find('\0'), std::string::npos);
        ASSERT_TRUE(is_valid_utf8(term));
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i) threads.emplace_back(try_texts, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tandem
