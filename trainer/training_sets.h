// The corpus and the questions of a run: read, divided where that is asked for, and held against
// each other.
#ifndef TANDEM_TRAINER_TRAINING_SETS_H_
#define TANDEM_TRAINER_TRAINING_SETS_H_

#include <vector>

#include "trainer/question_set.h"
#include "trainer/training.h"

namespace tandem {

struct TrainingSets {
  Corpus corpus;
  std::vector<Question> questions;  // that are learned from
  std::vector<Question> dev;        // that are not; may be empty
};

// Throws as the readers do; kInvalidArgument where dev questions are both given and to be kept
// aside, and where they share questions or documents with the others (question_leaks.h), unless
// the options allow it.
TrainingSets read_training_sets(const TrainingOptions& options);

}  // namespace tandem

#endif  // TANDEM_TRAINER_TRAINING_SETS_H_
