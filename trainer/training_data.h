// What each step of training is given: questions with retrieved passages, as tokens.
#ifndef TANDEM_TRAINER_TRAINING_DATA_H_
#define TANDEM_TRAINER_TRAINING_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generator/generator.h"
#include "retriever/encoder.h"
#include "trainer/joint_networks.h"
#include "trainer/question_set.h"

namespace tandem {

struct BatchOptions {
  std::size_t batch_size = 8;  // questions of a step
  std::size_t passages = 4;    // of a question, at least 1
  // Of how many that were retrieved these are drawn: the best half stays, the others come from
  // what follows, so that the retriever sees more than one set of negatives.
  std::size_t pool = 16;
  int passage_tokens = 256;  // of a passage in the generator's prompt; what is beyond is cut off
  std::uint64_t seed = 1;
};

// Which passages were retrieved for each question, best first, as places in the corpus.
using RetrievedPassages = std::vector<std::vector<std::uint32_t>>;

// Immutable but for the passages that were retrieved; for one thread at a time. Batches follow from
// seed, step and retrieved passages alone, so that a run that was ended goes on with the same ones.
class TrainingData {
 public:
  // Borrows all of it. `generator` may be null, where no prompts are wanted. Throws
  // kInvalidArgument for options out of range and if no question can be learned from: with a
  // generator those that have an answer, without those that have a positive passage.
  TrainingData(const Corpus& corpus, std::span<const Question> questions, const Encoder& encoder,
               const Generator* generator, const BatchOptions& options);

  std::size_t question_count() const { return questions_.size(); }
  const std::vector<std::vector<TokenId>>& passage_tokens() const { return passage_tokens_; }
  const std::vector<std::vector<TokenId>>& query_tokens() const { return query_tokens_; }

  void set_retrieved(RetrievedPassages retrieved);
  const RetrievedPassages& retrieved() const { return retrieved_; }

  std::size_t steps_per_epoch() const;
  // Each epoch goes through all questions once, in an order of its own; the last step of it may
  // have fewer. `step` counts from 0.
  std::vector<TrainingQuestion> batch(std::size_t step) const;
  // The ids of those questions.
  std::vector<std::string> batch_ids(std::size_t step) const;

 private:
  std::vector<std::size_t> places(std::size_t step) const;
  std::vector<std::uint32_t> choose_passages(std::size_t place, std::uint64_t draw) const;
  std::vector<TokenId> prompt(const Question& question, std::uint32_t passage) const;

  const Corpus& corpus_;
  const Generator* generator_;
  BatchOptions options_;
  std::vector<const Question*> questions_;
  std::vector<std::vector<TokenId>> passage_tokens_;
  std::vector<std::vector<TokenId>> query_tokens_;  // by questions_
  RetrievedPassages retrieved_;                     // likewise
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_TRAINING_DATA_H_
