#include "generator/citations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/utf8.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string slice(std::string_view text, std::uint64_t begin, std::uint64_t end) {
  const std::size_t first = byte_offset(text, begin);
  return std::string(text.substr(first, byte_offset(text, end) - first));
}

// A document and one hit for each of the given ranges of code points.
Hit make_hit(PassageId id, const std::string& document, std::uint64_t begin, std::uint64_t end) {
  Hit hit;
  hit.passage.id = id;
  hit.passage.document_id = "doc-1";
  hit.passage.title = "Harbour handbook";
  hit.passage.begin = begin;
  hit.passage.end = end;
  hit.passage.text = slice(document, begin, end);
  return hit;
}

class CitationsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists(testing::encoder_folder())) {
      encoder_ = Encoder::open(testing::encoder_folder()).release();
    }
  }
  static void TearDownTestSuite() {
    delete encoder_;
    encoder_ = nullptr;
  }
  void SetUp() override {
    if (encoder_ == nullptr) GTEST_SKIP() << "run scripts/models: the encoder is not there";
  }

  static const Encoder* encoder_;
  const std::string document_ =
      "Über den Hafen. The harbour of Lindmoor was dredged to eleven metres in 1932. "
      "Ships of deeper draught wait outside for the tide. 🚢 The lighthouse keeper rings a bell in "
      "fog every two minutes.";
};

const Encoder* CitationsTest::encoder_ = nullptr;

TEST_F(CitationsTest, VerbatimSentenceIsQuotedToTheCharacter) {
  const std::uint64_t length = count_code_points(document_);
  const std::vector<Hit> hits = {make_hit(7, document_, 0, 70), make_hit(8, document_, 71, length)};
  const std::string answer =
      "Naïve question! The lighthouse keeper rings a bell in fog every two minutes.";

  const std::vector<Citation> citations = find_citations("", answer, hits, *encoder_);

  ASSERT_THAT(citations, SizeIs(1));
  const Citation& citation = citations[0];
  EXPECT_EQ(citation.number, 1);
  EXPECT_EQ(citation.passage_id, 8u);
  EXPECT_EQ(citation.quote, slice(document_, citation.begin, citation.end));
  EXPECT_THAT(citation.quote, ::testing::EndsWith("rings a bell in fog every two minutes."));
  EXPECT_EQ(slice(answer, citation.answer_begin, citation.answer_end),
            "The lighthouse keeper rings a bell in fog every two minutes.");
  EXPECT_GT(citation.score, 0.9f);
  EXPECT_LE(citation.score, 1.0f);
}

TEST_F(CitationsTest, ParaphraseIsCitedAndInventionIsNot) {
  const std::vector<Hit> hits = {make_hit(7, document_, 0, count_code_points(document_))};
  const std::vector<Citation> citations =
      find_citations("",
                     "Lindmoor's harbour was dredged to a depth of eleven metres in 1932. "
                     "Its mayor prefers cold tea with lemon in the afternoon.",
                     hits, *encoder_);
  ASSERT_THAT(citations, SizeIs(1));
  EXPECT_THAT(citations[0].quote, HasSubstr("eleven metres in 1932"));
}

TEST_F(CitationsTest, OnePassageKeepsOneNumber) {
  const std::uint64_t length = count_code_points(document_);
  const std::vector<Hit> hits = {make_hit(7, document_, 0, 78), make_hit(8, document_, 78, length)};
  const std::vector<Citation> citations =
      find_citations("",
                     "Ships of deeper draught wait outside for the tide. "
                     "The harbour of Lindmoor was dredged to eleven metres in 1932. "
                     "The lighthouse keeper rings a bell in fog every two minutes.",
                     hits, *encoder_);
  ASSERT_THAT(citations, SizeIs(3));
  EXPECT_EQ(citations[0].number, 1);
  EXPECT_EQ(citations[1].number, 2);
  EXPECT_EQ(citations[2].number, 1);
}

// Generators that were fine-tuned on short answers give nothing else.
TEST_F(CitationsTest, AWordOrTwoAreCitedWhereTheirQuestionIsAnswered) {
  const std::string document = "The mayor of Lindmoor owns eleven metres of rope. " + document_ +
                               " The town hall burned down in 1932 and was built again.";
  const std::vector<Hit> hits = {make_hit(7, document, 0, count_code_points(document))};
  const auto quoted = [&](std::string_view question, std::string_view answer) {
    std::vector<std::string> quotes;
    for (const Citation& citation : find_citations(question, answer, hits, *encoder_)) {
      EXPECT_EQ(citation.quote, slice(document, citation.begin, citation.end));
      EXPECT_EQ(slice(answer, citation.answer_begin, citation.answer_end), answer);
      quotes.push_back(citation.quote);
    }
    return quotes;
  };
  EXPECT_THAT(quoted("How deep was the harbour of Lindmoor dredged?", "eleven metres"),
              ElementsAre(HasSubstr("dredged to eleven metres")));
  EXPECT_THAT(quoted("How much rope does the mayor have?", "Eleven metres"),
              ElementsAre(HasSubstr("metres of rope")));
  EXPECT_THAT(quoted("In which year did the town hall burn down?", "1932"),
              ElementsAre(HasSubstr("burned down in 1932")));
  EXPECT_THAT(quoted("How deep was the harbour of Lindmoor dredged?", "twelve metres"), IsEmpty());
  EXPECT_THAT(quoted("Which team won the world cup in football?", "1932"), IsEmpty());
}

TEST_F(CitationsTest, NothingToCiteGivesNothing) {
  EXPECT_THAT(find_citations("", "", {}, *encoder_), IsEmpty());
  EXPECT_THAT(find_citations("", "A whole sentence without any source.", {}, *encoder_), IsEmpty());
  EXPECT_THAT(find_citations("", "Yes.", {make_hit(1, document_, 0, 70)}, *encoder_), IsEmpty());
  EXPECT_THAT(find_citations("", " \n\t ", {make_hit(1, document_, 0, 70)}, *encoder_), IsEmpty());
}

}  // namespace
}  // namespace tandem
