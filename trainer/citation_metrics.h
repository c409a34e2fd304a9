// Whether answers cite what holds the answer.
//
// After Gao et al. 2023, arXiv:2305.14627 (ALCE), section 3: recall is the share of an answer's
// statements that their citations support, precision the share of the citations that do. There, a
// model of entailment is the judge; here it is what is known of the question, since citations are
// found by likeness already and a second judge of the same kind would find them all right. A
// citation is right where its passage is one of the question's positives, or the words that it
// quotes hold one of the answers.
#ifndef TANDEM_TRAINER_CITATION_METRICS_H_
#define TANDEM_TRAINER_CITATION_METRICS_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "generator/citations.h"
#include "trainer/question_set.h"

namespace tandem {

struct CitationCounts {
  std::size_t statements = 0;  // as statements_of() gives them
  std::size_t supported = 0;   // of these, with a right citation
  std::size_t citations = 0;
  std::size_t right = 0;  // of these
};

// `citations` are those of find_citations() in passages of the corpus (to_passage()). Pure; safe
// from any thread.
CitationCounts count_citations(const Corpus& corpus, const Question& question,
                               std::string_view answer, std::span<const Citation> citations);

}  // namespace tandem

#endif  // TANDEM_TRAINER_CITATION_METRICS_H_
