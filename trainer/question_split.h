// Which questions are kept aside, to measure by.
#ifndef TANDEM_TRAINER_QUESTION_SPLIT_H_
#define TANDEM_TRAINER_QUESTION_SPLIT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "trainer/question_set.h"

namespace tandem {

struct SplitOptions {
  double share = 0.1;  // of the questions that are kept aside, above 0 and below 1
  std::uint64_t seed = 1;
};

// For each question, whether it is kept aside. Questions stay together whose positives are of the
// same document (document_of()), or that are near (question_leaks.h), so that the two parts have no
// leak. As many groups are kept aside, in an order drawn by the seed, as come to the share at most,
// and at least one. Throws kInvalidArgument for a share out of range and where all questions are
// one group. Pure; safe from any thread.
std::vector<bool> split_by_document(const Corpus& corpus, std::span<const Question> questions,
                                    const SplitOptions& options);

}  // namespace tandem

#endif  // TANDEM_TRAINER_QUESTION_SPLIT_H_
