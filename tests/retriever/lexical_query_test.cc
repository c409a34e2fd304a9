#include "retriever/lexical_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/utf8.h"
#include "tests/support/errors.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

Words terms_of(const LexicalQuery& query) {
  Words terms;
  for (const TermCount& term : query.terms) terms.push_back(term.term);
  return terms;
}

TEST(LexicalQueryTest, QueriesAreReadAsDescribed) {
  const struct {
    const char* query;
    Words terms, required, excluded;
    std::vector<Words> phrases, excluded_phrases;
    const char* text;
  } cases[] = {
      {"run the runs", {"run", "the"}, {}, {}, {}, {}, "run the runs"},
      {"tide +moon -sun", {"moon", "tide"}, {"moon"}, {"sun"}, {}, {}, "tide moon"},
      {"\"the tide turns\" now",
       {"the", "tide", "turn", "now"},
       {"the", "tide", "turn"},
       {},
       {{"the", "tide", "turn"}},
       {},
       "the tide turns now"},
      {"a -\"b c\"", {"a"}, {}, {}, {}, {{"b", "c"}}, "a"},
      {"+\"one\"", {"one"}, {"one"}, {}, {}, {}, "one"},
      {"+e-mail x", {"e", "mail", "x"}, {"e", "mail"}, {}, {{"e", "mail"}}, {}, "e-mail x"},
      {"-e-mail x", {"x"}, {}, {}, {}, {{"e", "mail"}}, "x"},
      // Not signs, not quotes.
      {"--help C++ - + a-b 5'11\" +",
       {"help", "c", "a", "b", "5'11"},
       {},
       {},
       {},
       {},
       "--help C++ - + a-b 5'11\" +"},
      {"\"not closed", {"not", "close"}, {}, {}, {}, {}, "\"not closed"},
      {"x\"y z\"", {"x", "y", "z"}, {}, {}, {}, {}, "x\"y z\""},
      {"\"\" +\"!\" -\".\" a", {"a"}, {}, {}, {}, {}, "! a"},
      {"  \t\n ", {}, {}, {}, {}, {}, ""},
      {"-only -not", {}, {}, {"onli", "not"}, {}, {}, ""},
  };
  for (const auto& example : cases) {
    SCOPED_TRACE(example.query);
    const LexicalQuery query = parse_query(example.query, TextAnalysis());
    EXPECT_EQ(terms_of(query), example.terms);
    EXPECT_EQ(query.required, example.required);
    EXPECT_EQ(query.excluded, example.excluded);
    EXPECT_EQ(query.phrases, example.phrases);
    EXPECT_EQ(query.excluded_phrases, example.excluded_phrases);
    EXPECT_EQ(query.text, example.text);
  }
}

TEST(LexicalQueryTest, WordsAloneHaveNoConditions) {
  const LexicalQuery query = query_of_words("+a -b \"c d\" a", TextAnalysis());
  EXPECT_THAT(query.terms, ElementsAre(TermCount{"a", 2}, TermCount{"b", 1}, TermCount{"c", 1},
                                       TermCount{"d", 1}));
  EXPECT_FALSE(query.has_conditions());
  EXPECT_EQ(query.text, "+a -b \"c d\" a");
}

TEST(LexicalQueryTest, ConditionsAreChecked) {
  const struct {
    const char* query;
    const char* passage;
    bool allowed;
  } cases[] = {
      {"+moon", "the moon", true},
      {"+moon", "the sun", false},
      {"-moon", "the sun", true},
      {"-moon", "the moons", false},
      {"\"full moon\"", "a full moon", true},
      {"\"full moon\"", "moon full", false},
      {"-\"full moon\"", "moon full", true},
      {"-\"full moon\"", "a full moon", false},
      {"moon", "sun", true},
  };
  for (const auto& example : cases) {
    const TextAnalysis analysis;
    EXPECT_EQ(parse_query(example.query, analysis).allows(analysis.terms(example.passage)),
              example.allowed)
        << example.query << " | " << example.passage;
  }
}

TEST(LexicalQueryTest, TooManyTermsAreCutOrRefused) {
  std::string words;
  std::string conditions;
  for (std::size_t i = 0; i <= kMaxQueryTerms; ++i) {
    words += " w" + std::to_string(i);
    conditions += " +w" + std::to_string(i);
  }
  const LexicalQuery query = parse_query(words + " +last", TextAnalysis("none"));
  EXPECT_EQ(query.terms.size(), kMaxQueryTerms);
  EXPECT_EQ(query.terms[0].term, "last");
  EXPECT_EQ(error_code_of([&] { parse_query(conditions, TextAnalysis("none")); }),
            ErrorCode::kInvalidArgument);
}

TEST(LexicalQueryTest, AnyTextIsAQuery) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const TextAnalysis analysis;
  const std::string_view pieces[] = {"+",    "-", "\"", " ",    "\n",     "tide",
                                     "moon", "é", ".",  "東京", "e-mail", "\t"};
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (auto size = random() % 30; size > 0; --size) text += pieces[random() % std::size(pieces)];
    const LexicalQuery query = parse_query(text, analysis);
    const Words terms = terms_of(query);
    for (const std::string& term : query.required) {
      ASSERT_NE(std::find(terms.begin(), terms.end(), term), terms.end()) << text;
    }
    for (const Words& phrase : query.phrases) {
      ASSERT_GE(phrase.size(), 2u);
      for (const std::string& term : phrase) {
        ASSERT_NE(std::find(query.required.begin(), query.required.end(), term),
                  query.required.end());
      }
    }
    ASSERT_LE(query.text.size(), text.size() + 1);
    ASSERT_TRUE(is_valid_utf8(query.text));
  }
}

}  // namespace
}  // namespace tandem
