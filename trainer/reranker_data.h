// What a reranker learns from: questions with a passage that is right and some that are not.
#ifndef TANDEM_TRAINER_RERANKER_DATA_H_
#define TANDEM_TRAINER_RERANKER_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/text_pair.h"
#include "model/tokenizers/tokenizer.h"
#include "trainer/question_set.h"
#include "trainer/reranker_network.h"

namespace tandem {

struct RerankerBatches {
  std::size_t batch_size = 8;  // questions of a step
  std::size_t negatives = 3;
  std::uint64_t seed = 1;
};

// Immutable but for the passages that were retrieved; for one thread at a time. Batches follow from
// seed, step and retrieved passages alone.
class RerankerData {
 public:
  // Borrows corpus and questions. Throws kInvalidArgument for options out of range, for a corpus of
  // one passage and if no question has a positive.
  RerankerData(const Corpus& corpus, std::span<const Question> questions,
               const Tokenizer& tokenizer, const PairLayout& layout,
               const RerankerBatches& options);

  // Those that have positives.
  const std::vector<const Question*>& questions() const { return questions_; }
  // For each of them, best first, as places in the corpus; positives among them are no negatives.
  void set_retrieved(std::vector<std::vector<std::uint32_t>> retrieved);

  std::size_t steps_per_epoch() const;
  // `step` counts from 0. Negatives are drawn from what was retrieved, and from the whole corpus
  // where that is too little.
  std::vector<RankedPairs> batch(std::size_t step) const;
  std::vector<std::string> batch_ids(std::size_t step) const;

 private:
  std::vector<std::size_t> places(std::size_t step) const;
  RankedPairs pairs(std::size_t place, std::uint64_t epoch) const;

  PairLayout layout_;
  RerankerBatches options_;
  std::vector<const Question*> questions_;
  std::vector<std::vector<TokenId>> passage_tokens_;
  std::vector<std::vector<TokenId>> question_tokens_;  // by questions_
  std::vector<std::vector<std::uint32_t>> negatives_;  // likewise
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_RERANKER_DATA_H_
