// A run of training: from an encoder, a generator and questions to a better encoder and generator.
//
// Everything about a run is in its folder:
//
//   run.json             what was asked for: options, seeds, files with their SHA-256, version
//   metrics.jsonl        a line a step; lines of "dev" after each evaluation, with the figures that
//                        `tandem eval` would print
//   checkpoints/step-N/  what a run that was ended goes on from: weights and moments, retrieved
//                        passages; valid as soon as it has this name
//   encoder/             a sentence-transformers folder  }  of the step that was best on the dev
//   generator.gguf                                       }  questions, or the last one without any
//   adapter/             with LoRA: what those two were changed by (save_adapters.h)
//   dev.jsonl            the dev questions, where they were kept aside
//   selected.json        the ids of the questions that were selected, where not all were
//   result.json          what came out, when the run has ended
#ifndef TANDEM_TRAINER_TRAINING_H_
#define TANDEM_TRAINER_TRAINING_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "trainer/joint_networks.h"
#include "trainer/run_progress.h"
#include "trainer/training_data.h"
#include "trainer/useful_questions.h"
#include "trainer/worker_group.h"

namespace tandem {

struct TrainingOptions {
  std::filesystem::path corpus;     // JSON lines (question_set.h)
  std::filesystem::path questions;  // likewise
  // Likewise, more of them: such that the corpus has no answer to.
  std::optional<std::filesystem::path> unanswerable = {};
  std::optional<std::filesystem::path> dev = {};  // likewise; of other documents than `questions`
  // Instead of `dev`: the share of the questions that are kept aside (question_split.h), and
  // written into the run's folder as dev.jsonl. 0: none.
  double dev_share = 0;
  bool allow_leaks = false;         // dev questions may be of the same documents, or the same
  std::filesystem::path encoder;    // as Encoder::open() takes it
  std::filesystem::path generator;  // a GGUF; empty: the retriever alone
  std::filesystem::path run;

  JointOptions networks;
  SelectionOptions selection;
  BatchOptions batches;  // what follows from `networks` is set by train()
  StepRates rates = {.encoder = 2e-5, .generator = 5e-5};  // at their highest
  double warmup = 0.1;  // share of the steps in which the rates rise; they fall by a cosine after
  double epochs = 1;
  std::size_t steps = 0;  // instead of epochs, unless 0
  // Steps after which all passages are encoded and retrieved anew; 0: at the beginning only.
  std::size_t refresh_every = 0;
  std::size_t evaluate_every = 0;  // steps; 0: at the end only
  std::size_t dev_answers = 200;   // dev questions that are answered each time, evenly apart
  // What is highest on the dev questions at the best step: kRecallAt1, kReciprocalRank, kTokenF1 or
  // kExactMatch (question_result.h). Empty: the first where the encoder learns, F1 otherwise.
  std::string best_by;
  std::size_t checkpoint_every = 200;  // steps; 0: never
  std::size_t kept_checkpoints = 1;    // the newest
  bool resume = false;
  // Borrowed. All of them are given the same options, and a run folder that each can read; the one
  // that leads writes it, answers the dev questions, and reports.
  WorkerGroup* workers = &WorkerGroup::alone();
};

struct TrainingReport {
  std::size_t steps = 0;
  double seconds = 0;
  // Of the dev questions (evaluation_figures.h) by the networks at the beginning and at the best
  // step; empty without.
  std::map<std::string, double> before = {};
  std::map<std::string, double> after = {};
  std::string best_by;  // which of them chose the step; empty without
  std::size_t best_step = 0;
};  // of a worker that does not lead: steps and seconds alone

// Runs to the end. Throws kAlreadyExists for a run folder that holds a run, unless `resume`;
// kInvalidArgument where the options contradict each other, or those of the run that is resumed,
// and where the dev questions leak (question_leaks.h); kInternal for a loss that is not finite,
// naming the questions; kResourceExhausted for a full disk; kUnavailable where another worker
// ended; and as the readers of its files do. Whatever is thrown, the checkpoints and the best
// networks so far are whole.
TrainingReport train(const TrainingOptions& options, const TrainingReporter& report);

}  // namespace tandem

#endif  // TANDEM_TRAINER_TRAINING_H_
