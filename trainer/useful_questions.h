// The most useful questions of a run's data (question_selection.h), as its networks see them.
#ifndef TANDEM_TRAINER_USEFUL_QUESTIONS_H_
#define TANDEM_TRAINER_USEFUL_QUESTIONS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "trainer/joint_networks.h"
#include "trainer/question_selection.h"
#include "trainer/training_data.h"

namespace tandem {

struct SelectionOptions {
  QuestionSelection by = QuestionSelection::kAll;
  double share = 0.3;  // of the questions, above 0 and at most 1
};

// What the networks make of the data: unit vectors by rows. Of the passages each of several workers
// has its own, from `first_passage` on.
struct DataVectors {
  std::vector<float> passages;
  std::size_t first_passage = 0;
  std::vector<float> queries;
  std::size_t dimension = 0;
};

// Places in `data`, whose passages have been retrieved, growing. By the retriever's loss, which
// only questions with positives have, the share is taken of these and, by a draw, of the others.
// Perplexity needs a generator. `vectors` are those of all passages.
std::vector<std::size_t> useful_questions(const TrainingData& data, JointNetworks& networks,
                                          const DataVectors& vectors,
                                          const SelectionOptions& options, double score_temperature,
                                          std::uint64_t seed);

}  // namespace tandem

#endif  // TANDEM_TRAINER_USEFUL_QUESTIONS_H_
