// A reranker with gradients: batches of pairs in, changed weights out.
//
// LibTorch computes here; this header does not say so, and whoever includes it is not linked to it.
#ifndef TANDEM_TRAINER_RERANKER_NETWORK_H_
#define TANDEM_TRAINER_RERANKER_NETWORK_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "model/bert_checkpoint.h"
#include "model/text_pair.h"
#include "trainer/joint_networks.h"

namespace tandem {

// A question with a passage that answers it, first, and others that do not; at least two pairs.
using RankedPairs = std::vector<TextPair>;

struct RerankerOptions {
  double weight_decay = 0.01;  // AdamW; not of norms and biases
  double gradient_limit = 1;   // of the norm of the gradient; 0: none
  TrainingPrecision precision = TrainingPrecision::kFastest;
  int tokens = 4096;  // of a forward pass with gradient. Memory grows with them
};

struct RerankerStep {
  double loss = 0;      // of the batch
  double right = 0;     // share of its questions whose first pair has the highest logit
  double gradient = 0;  // its norm, before it was limited
  std::int64_t tokens = 0;
  bool finite = true;  // if not, nothing was changed
};

// For one thread at a time. Computes with compute_threads().
class RerankerNetwork {
 public:
  // Copies what it needs of a checkpoint that has a head (model/cross_encoder.h). Throws kCorrupt
  // for tensors that are missing or misshapen, kInvalidArgument for options out of range, and as
  // torch_plugin() does.
  static std::unique_ptr<RerankerNetwork> load(const BertCheckpoint& checkpoint,
                                               const RerankerOptions& options);
  virtual ~RerankerNetwork() = default;

  // One step of AdamW on the mean over the questions of
  //
  //   -log( exp s_0 / sum over its pairs i of exp s_i ),   s the logits
  //
  // the localized contrastive estimation of Gao, Dai and Callan 2021 (arXiv:2101.08751),
  // whose negatives come from the top of what is to be reranked. Passes are divided by
  // RerankerOptions::tokens; the result does not depend on how, to rounding.
  virtual RerankerStep step(std::span<const RankedPairs> batch, double rate) = 0;

  // All weights, one after the other, under the names of its file.
  virtual void visit(const WeightVisitor& visit) const = 0;
  // As those of JointNetworks.
  virtual void save_state(const std::filesystem::path& path) const = 0;
  virtual void load_state(const std::filesystem::path& path) = 0;
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_RERANKER_NETWORK_H_
