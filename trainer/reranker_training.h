// A run that makes a reranker of an encoder, or a better one of another, from questions with known
// passages.
//
// For each question the passages are retrieved that a server would give the reranker, by vectors of
// the same encoder and by words. The network learns to score the right one above some of the others
// (RerankerNetwork::step), drawn anew each epoch. Its folder:
//
//   run.json             what was asked for: options, seeds, files with their SHA-256, version
//   metrics.jsonl        a line a step; lines of "dev" after each evaluation
//   start/               the encoder with a fresh head, or another reranker, which the run begins
//   with checkpoints/step-N/  what a run that was ended goes on from reranker/            of the
//   step that was best on the dev questions, or the last one without any result.json          what
//   came out, when the run has ended
#ifndef TANDEM_TRAINER_RERANKER_TRAINING_H_
#define TANDEM_TRAINER_RERANKER_TRAINING_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "retriever/text_analysis.h"
#include "trainer/reranker_network.h"
#include "trainer/run_progress.h"

namespace tandem {

struct RerankerTrainingOptions {
  std::filesystem::path corpus;                   // JSON lines (question_set.h)
  std::filesystem::path questions;                // likewise; those without positives are left out
  std::optional<std::filesystem::path> dev = {};  // likewise; of other documents than `questions`
  std::filesystem::path encoder;                  // as Encoder::open() takes it
  // To begin with, as Reranker::open() takes it; empty: the encoder with a fresh head.
  std::filesystem::path reranker = {};
  std::filesystem::path run;
  std::string language = kDefaultLanguage;  // of the words, one of analysis_languages()

  RerankerOptions network;
  std::size_t batch_size = 8;  // questions of a step
  std::size_t negatives = 3;   // passages beside the right one, at least 1
  // Of how many that were retrieved these are drawn. Those that are retrieved first are the hardest
  // and may be right as well, without anybody having said so.
  std::size_t pool = 20;
  std::size_t max_tokens = 256;  // of question and passage together; what is beyond is cut off
  double rate = 1.5e-4;          // at its highest
  double warmup = 0.1;           // share of the steps in which it rises; it falls by a cosine after
  double epochs = 1;
  std::size_t steps = 0;               // instead of epochs, unless 0
  std::size_t dev_questions = 200;     // that are evaluated, evenly spaced; 0: all of them
  std::size_t dev_depth = 20;          // passages of each that are reranked
  std::size_t evaluate_every = 0;      // steps; 0: at the end only
  std::size_t checkpoint_every = 200;  // steps; 0: never
  std::size_t kept_checkpoints = 1;    // the newest
  std::uint64_t seed = 1;
  bool resume = false;
};

struct RerankerTrainingReport {
  std::size_t steps = 0;
  double seconds = 0;
  struct Ranking {
    double ndcg_at_10 = 0, mrr = 0, recall_at_1 = 0;
  };
  // Of the dev questions as they were retrieved, and as rerank() orders them at the best step;
  // empty without.
  std::optional<Ranking> retrieved = {};
  std::optional<Ranking> reranked = {};
  std::size_t best_step = 0;  // by nDCG@10
};

// Runs to the end. Throws as train() does.
RerankerTrainingReport train_reranker(const RerankerTrainingOptions& options,
                                      const TrainingReporter& report);

}  // namespace tandem

#endif  // TANDEM_TRAINER_RERANKER_TRAINING_H_
