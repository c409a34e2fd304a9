// A run that teaches a generator which of two answers is preferred, from pairs of them.
//
// Both answers are scored after the prompt that a server would have given the generator, with the
// passages that the pair names or, where it names none, those that the encoder finds. What the
// generator finds of them at the beginning is the reference that the loss holds it to
// (preference_network.h). Its folder:
//
//   run.json             what was asked for: options, seeds, files with their SHA-256, version
//   reference.json       {"pairs", "dev"}: for each, in the order of their files, the
//   log-likelihoods
//                        [chosen, rejected] by the generator that the run began with
//   metrics.jsonl        a line a step; lines of "dev" after each evaluation (preference_figures.h)
//   checkpoints/step-N/  what a run that was ended goes on from
//   generator.gguf       of the step that had the lowest loss on the dev pairs, or the last one
//                        without any
//   adapter/             with LoRA: what it was changed by (save_adapters.h)
//   result.json          what came out, when the run has ended
#ifndef TANDEM_TRAINER_PREFERENCE_TRAINING_H_
#define TANDEM_TRAINER_PREFERENCE_TRAINING_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "trainer/preference_network.h"
#include "trainer/run_progress.h"

namespace tandem {

struct PreferenceTrainingOptions {
  std::filesystem::path corpus;                   // JSON lines (question_set.h)
  std::filesystem::path preferences;              // JSON lines (preference_set.h)
  std::optional<std::filesystem::path> dev = {};  // likewise, of other questions
  // Instead of `dev`: the share of the pairs that are kept aside. 0: none.
  double dev_share = 0;
  bool allow_leaks = false;            // dev pairs may be of the same questions
  std::filesystem::path encoder = {};  // as Encoder::open() takes it; empty: all name passages
  std::filesystem::path generator;     // a GGUF
  std::filesystem::path run;

  PreferenceOptions network;
  std::size_t batch_size = 8;  // pairs of a step
  std::size_t passages = 4;    // that are retrieved for a pair that names none
  int passage_tokens = 256;    // of a passage in the prompt; what is beyond is cut off
  double rate = 5e-6;          // at its highest
  double warmup = 0.1;         // share of the steps in which it rises; it falls by a cosine after
  double epochs = 1;
  std::size_t steps = 0;               // instead of epochs, unless 0
  std::size_t evaluate_every = 0;      // steps; 0: at the end only
  std::size_t checkpoint_every = 200;  // steps; 0: never
  std::size_t kept_checkpoints = 1;    // the newest
  std::uint64_t seed = 1;              // of the order of the pairs, and which are kept aside
  bool resume = false;
};

struct PreferenceTrainingReport {
  std::size_t steps = 0;
  double seconds = 0;
  // Of the dev pairs by the generator at the beginning and at the best step: "loss", "wins",
  // "margin" and "likelier" (preference_figures.h). Of weights in float: before they were rounded
  // to what the file holds. Empty without.
  std::map<std::string, double> before = {};
  std::map<std::string, double> after = {};
  std::size_t best_step = 0;
};

// Runs to the end. Throws as train() does; kInvalidArgument for a pair without passages where there
// is no encoder.
PreferenceTrainingReport train_preferences(const PreferenceTrainingOptions& options,
                                           const TrainingReporter& report);

}  // namespace tandem

#endif  // TANDEM_TRAINER_PREFERENCE_TRAINING_H_
