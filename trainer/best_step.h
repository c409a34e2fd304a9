// Which step of a run is the best one.
#ifndef TANDEM_TRAINER_BEST_STEP_H_
#define TANDEM_TRAINER_BEST_STEP_H_

#include <map>
#include <span>
#include <string>

#include "trainer/question_set.h"
#include "trainer/training.h"

namespace tandem {

// The figure that is highest at the best step: the one that the options ask for, else one that the
// dev questions give and the training can change. Throws kInvalidArgument where they do not give
// it. Pure; safe from any thread.
std::string best_step_figure(const TrainingOptions& options, std::span<const Question> dev);

// Whether a step with the figures `now` is at least as good as one with those `before`; a figure
// that is not there is 0. Of equal steps the later one is taken: it has learned from more.
bool is_as_good(const std::map<std::string, double>& now,
                const std::map<std::string, double>& before, const std::string& figure);

}  // namespace tandem

#endif  // TANDEM_TRAINER_BEST_STEP_H_
