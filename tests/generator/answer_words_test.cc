#include "generator/answer_words.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

// What SQuAD's published script makes of these texts.
TEST(AnswerWordsTest, NormalizesAsThePublishedScript) {
  const struct {
    std::string_view text;
    std::string_view normal;
  } cases[] = {
      {"The Eiffel Tower", "eiffel tower"},
      {"  a  cat,\tan owl\n", "cat owl"},
      {"U.S.", "us"},
      {"well-known", "wellknown"},
      {"theatre anthem banana", "theatre anthem banana"},  // articles inside words
      {"\"The\" A. an!", ""},
      {"a.b", "ab"},  // punctuation goes before articles are looked for
      {"the-man", "theman"},
      {"5 a day", "5 day"},
      {"$12", "12"},
      {"R&D_x", "rdx"},
      {"the–end", "–end"},  // the dash of Unicode stays and ends the article
      {"l’a vu “a” b", "l’ vu “ ” b"},
      {"ÉCOLE Ä", "école ä"},
      {"ΟΔΟΣ", "οδος"},  // the last sigma, as Python has it
      {"a\xC2\xA0"
       "b\xE3\x80\x80"
       "c",
       "b c"},                    // spaces that are not of ASCII
      {"a\xCC\x81", "\xCC\x81"},  // a combining mark is no part of the word
      {"a² an½ 3a", "a² an½ 3a"},
      {"", ""},
      {"...", ""},
  };
  for (const auto& [text, normal] : cases) EXPECT_EQ(normalize_answer(text), normal) << text;
}

}  // namespace
}  // namespace tandem
