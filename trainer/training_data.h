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
  // The share of the questions, drawn anew each epoch, whose answer the generator also learns from
  // a prompt with the `passages` best ones, in the order and form in which it is served. Who has
  // read one passage at a time only is worse with four than with one. Where the retriever does not
  // learn, these questions are read in no other way.
  double together_share = 0;
  // The share of the questions with an answer that are also asked with passages that do not hold
  // it, for the generator to say so (generator/abstention.h). From questions that have no answer
  // alone it may learn how such questions sound, and not to look for the answer in the passages.
  double abstention_share = 0;
  // Of the negatives that a question brings, drawn anew each epoch: for the contrastive loss.
  std::size_t negatives = 4;
  bool retriever_learns = true;
  bool generator_learns = true;
  // Prompts are for the leave-one-out loss, which wants at least 2 passages.
  bool leave_one_out = false;
  std::uint64_t seed = 1;
};

// Which passages were retrieved for each question, best first, as places in the corpus.
using RetrievedPassages = std::vector<std::vector<std::uint32_t>>;

// Immutable but for the passages that were retrieved; for one thread at a time. Batches follow from
// seed, step and retrieved passages alone, so that a run that was ended goes on with the same ones.
//
// A question without answer and positives has none in the corpus: with the best passages before it,
// the generator learns to say kAbstention, and the retriever nothing.
class TrainingData {
 public:
  // Borrows all of it. `generator` may be null, where no prompts are wanted. Learned from are, with
  // a generator, questions that have an answer and those that have none in the corpus; without,
  // those that have a positive passage. Throws kInvalidArgument for options out of range and if no
  // question has an answer, or a positive passage.
  TrainingData(const Corpus& corpus, std::span<const Question> questions, const Encoder& encoder,
               const Generator* generator, const BatchOptions& options);

  std::size_t question_count() const { return questions_.size(); }
  const Question& question(std::size_t place) const { return *questions_[place]; }
  const std::vector<std::vector<TokenId>>& passage_tokens() const { return passage_tokens_; }
  const std::vector<std::vector<TokenId>>& query_tokens() const { return query_tokens_; }

  // Leaves only the questions at these places, which grow.
  void keep(std::span<const std::size_t> places);

  void set_retrieved(RetrievedPassages retrieved);
  const RetrievedPassages& retrieved() const { return retrieved_; }

  // The question and what the generator is to say, `together` being a prompt with the best passage
  // that holds the answer or, where none is known, the best one. Needs a generator.
  TrainingQuestion read_alone(std::size_t place) const;

  std::size_t steps_per_epoch() const;
  // Each epoch goes through all questions once, in an order of its own; the last step of it may
  // have fewer. A question that is also asked with other passages is two. `step` counts from 0.
  std::vector<TrainingQuestion> batch(std::size_t step) const;

 private:
  std::vector<std::size_t> places(std::size_t step) const;
  std::vector<std::uint32_t> choose_passages(std::size_t place, std::uint64_t epoch) const;
  std::vector<std::uint32_t> best_passages(std::size_t place, std::uint64_t epoch) const;
  std::vector<std::uint32_t> passages_without_answer(std::size_t place, std::size_t count) const;
  std::vector<TokenId> prompt(const Question& question,
                              std::span<const std::uint32_t> passages) const;
  TrainingQuestion joint_question(std::size_t place, std::uint64_t epoch) const;
  void add_negatives(std::size_t place, std::uint64_t epoch, TrainingQuestion& question) const;
  void add_answered(std::size_t place, std::uint64_t epoch,
                    std::vector<TrainingQuestion>& batch) const;
  void add_abstention(std::size_t place, std::uint64_t epoch,
                      std::vector<TrainingQuestion>& batch) const;

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
