#include "trainer/citation_metrics.h"

#include <algorithm>
#include <set>

#include "trainer/answer_metrics.h"

namespace tandem {
namespace {

bool is_right(const Corpus& corpus, const Question& question, const Citation& citation) {
  const auto passage = corpus.by_id.find(citation.document_id);
  return (passage != corpus.by_id.end() && question.has_positive(passage->second)) ||
         holds_answer(citation.quote, question.answers);
}

}  // namespace

CitationCounts count_citations(const Corpus& corpus, const Question& question,
                               std::string_view answer, std::span<const Citation> citations) {
  CitationCounts counts;
  counts.statements = statements_of(answer).size();
  std::set<std::uint64_t> supported;  // where the sentences begin
  for (const Citation& citation : citations) {
    ++counts.citations;
    if (!is_right(corpus, question, citation)) continue;
    ++counts.right;
    supported.insert(citation.answer_begin);
  }
  counts.supported = supported.size();
  return counts;
}

}  // namespace tandem
