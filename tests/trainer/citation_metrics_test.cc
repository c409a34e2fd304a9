#include "trainer/citation_metrics.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

Citation cite(std::string passage, std::string quote, std::uint64_t answer_begin) {
  Citation citation;
  citation.document_id = std::move(passage);
  citation.quote = std::move(quote);
  citation.answer_begin = answer_begin;
  return citation;
}

// Two sentences, of which the second begins at 33, and one that is too short to count.
constexpr std::string_view kAnswer =
    "The lighthouse was lit in 1862.  It was built by A. Smith. Yes.";

class CitationMetricsTest : public ::testing::Test {
 protected:
  CitationMetricsTest() {
    for (const char* const id : {"a", "b", "c"}) {
      corpus_.by_id[id] = corpus_.passages.size();
      corpus_.passages.push_back({id, "", "text"});
    }
  }
  CitationCounts count(std::vector<Citation> citations) const {
    return count_citations(corpus_, question_, kAnswer, citations);
  }

  Corpus corpus_;
  Question question_ = {"q", "When?", {"1862", "in the year 1862"}, {1}};
};

TEST_F(CitationMetricsTest, ACitationIsRightByItsPassageOrByWhatItQuotes) {
  const CitationCounts counts =
      count({cite("b", "Smith built it.", 33), cite("a", "It was lit in 1862 by him.", 0)});
  EXPECT_EQ(counts.statements, 2u);
  EXPECT_EQ(counts.citations, 2u);
  EXPECT_EQ(counts.right, 2u);
  EXPECT_EQ(counts.supported, 2u);
}

TEST_F(CitationMetricsTest, OtherCitationsAreWrong) {
  const CitationCounts counts =
      count({cite("a", "It burned in 18620.", 0), cite("gone", "It was lit.", 33)});
  EXPECT_EQ(counts.citations, 2u);
  EXPECT_EQ(counts.right, 0u);
  EXPECT_EQ(counts.supported, 0u);
}

TEST_F(CitationMetricsTest, AStatementIsSupportedOnce) {
  const CitationCounts counts = count({cite("b", "One.", 0), cite("b", "Two.", 0)});
  EXPECT_EQ(counts.right, 2u);
  EXPECT_EQ(counts.supported, 1u);
  EXPECT_EQ(count({}).statements, 2u);
}

}  // namespace
}  // namespace tandem
