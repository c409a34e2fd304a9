// A run of training: from an encoder, a generator and questions to a better encoder and generator.
//
// Everything about a run is in its folder:
//
//   run.json             what was asked for: options, seeds, files with their SHA-256, version
//   metrics.jsonl        a line a step; lines of "dev" after each evaluation
//   checkpoints/step-N/  what a run that was ended goes on from: weights and moments, retrieved
//                        passages; valid as soon as it has this name
//   encoder/             a sentence-transformers folder  }  of the step that was best on the dev
//   generator.gguf                                       }  questions, or the last one without any
//   result.json          what came out, when the run has ended
#ifndef TANDEM_TRAINER_TRAINING_H_
#define TANDEM_TRAINER_TRAINING_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "trainer/joint_networks.h"
#include "trainer/training_data.h"

namespace tandem {

struct TrainingOptions {
  std::filesystem::path corpus;                   // JSON lines (question_set.h)
  std::filesystem::path questions;                // likewise
  std::optional<std::filesystem::path> dev = {};  // likewise; of other documents than `questions`
  std::filesystem::path encoder;                  // as Encoder::open() takes it
  std::filesystem::path generator;                // a GGUF; empty: the retriever alone
  std::filesystem::path run;

  JointOptions networks;
  BatchOptions batches;
  StepRates rates = {.encoder = 2e-5, .generator = 5e-5};  // at their highest
  double warmup = 0.1;  // share of the steps in which the rates rise; they fall by a cosine after
  double epochs = 1;
  std::size_t steps = 0;  // instead of epochs, unless 0
  // Steps after which all passages are encoded and retrieved anew; 0: at the beginning only.
  std::size_t refresh_every = 0;
  std::size_t evaluate_every = 0;      // steps; 0: at the end only
  std::size_t checkpoint_every = 200;  // steps; 0: never
  std::size_t kept_checkpoints = 1;    // the newest
  bool resume = false;
};

// TrainingProgress::doing during the steps.
inline constexpr std::string_view kTrainingStage = "training";

struct TrainingProgress {
  std::size_t step = 0;  // steps done
  std::size_t steps = 0;
  double loss = 0;  // smoothed
  double tokens_per_second = 0;
  std::string_view doing;  // valid during the call
};

struct TrainingReport {
  std::size_t steps = 0;
  double seconds = 0;
  // Of the dev questions by the networks at the beginning and at the best step; empty without.
  struct Recall {
    double at_1 = 0, at_5 = 0, at_20 = 0;
  };
  std::optional<Recall> before = {};
  std::optional<Recall> after = {};
  std::size_t best_step = 0;
};

// Runs to the end. Throws kAlreadyExists for a run folder that holds a run, unless `resume`;
// kInvalidArgument where the options contradict each other, or those of the run that is resumed;
// kInternal for a loss that is not finite, naming the questions, when the last good state has been
// saved; and as the readers of its files do.
TrainingReport train(const TrainingOptions& options,
                     const std::function<void(const TrainingProgress&)>& report);

}  // namespace tandem

#endif  // TANDEM_TRAINER_TRAINING_H_
