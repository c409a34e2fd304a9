// Retriever and generator with gradients: batches of tokens in, changed weights out.
//
// LibTorch computes here; this header does not say so, and whoever includes it is not linked to it.
#ifndef TANDEM_TRAINER_JOINT_NETWORKS_H_
#define TANDEM_TRAINER_JOINT_NETWORKS_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/bert_checkpoint.h"
#include "model/decoder_weights.h"
#include "model/lora.h"
#include "model/tokenizers/tokenizer.h"
#include "trainer/loss_options.h"
#include "trainer/worker_group.h"

namespace tandem {

// A question with the passages that were retrieved for it, as tokens. Without passages only the
// generator learns from it, by `together`: what it has of the retriever is not looked at.
struct TrainingQuestion {
  std::string id;                              // for messages
  std::vector<TokenId> query;                  // what the encoder is given
  std::vector<std::vector<TokenId>> passages;  // likewise
  // For each passage: which of the corpus it is, so that the same one under two questions of a
  // batch is known as such.
  std::vector<std::uint64_t> passage_ids;
  std::vector<std::uint64_t>
      positive_ids;  // those of the corpus that hold the answer, as far as known
  // Further passages that the contrastive loss holds the positives against, and which they are.
  std::vector<std::vector<TokenId>> negatives;
  std::vector<std::uint64_t> negative_ids;
  // For each passage: what the generator is given before the answer, that passage or, for
  // leave-one-out, all but that one. Empty where the generator has no part.
  std::vector<std::vector<TokenId>> prompts;
  // The same with several passages at once, as when it serves: always there for leave-one-out, else
  // it may be empty.
  std::vector<TokenId> together;
  std::vector<TokenId> answer;  // the token that ends the turn included
};

enum class TrainingPrecision {
  kFloat,
  kBFloat16,  // products of matrices in bfloat16, everything else and all weights in float
  kFastest,   // kBFloat16 where the processor multiplies such numbers
};

struct NetworkOptions {
  bool trained = true;
  // 0: all weights. Otherwise matrices keep theirs and learn a product of two thin ones of this
  // rank beside it, w + (alpha / rank) b a (Hu et al. 2021, arXiv:2106.09685, section 4.1).
  int lora_rank = 0;
  double lora_alpha = 16;
  double weight_decay = 0.01;  // AdamW; not of norms and biases
};

struct JointOptions {
  NetworkOptions encoder;
  NetworkOptions generator;
  JointLossOptions loss;
  double joint_weight = 1;
  // Of the contrastive loss over all passages of a batch, for questions with a positive among
  // theirs; 0: none.
  double contrastive_weight = 1;
  double score_temperature = 0.05;  // cosines are divided by it
  double gradient_limit = 1;        // of the norm of a network's gradient; 0: none
  TrainingPrecision precision = TrainingPrecision::kFastest;
  // Tokens of a forward pass with gradient. Memory grows with them.
  int encoder_tokens = 16384;
  int generator_tokens = 4096;
  // Keeps only what enters a layer of the generator, and computes the layer once more for its
  // gradient: more time, for less of a pass's memory.
  bool checkpoint_activations = false;
  std::uint64_t seed = 1;  // of what LoRA begins with
};

struct StepRates {
  double encoder = 0;
  double generator = 0;
};

struct StepResult {
  double loss = 0;  // of the batch, as it was weighted
  double joint = 0;
  double contrastive = 0;
  double generator = 0;  // its own term of the joint loss (JointLossValue)
  double retriever = 0;
  double encoder_gradient = 0;  // norms, before they were limited
  double generator_gradient = 0;
  std::int64_t generator_tokens = 0;
  bool finite = true;  // if not, nothing was changed
};

using WeightVisitor = std::function<void(std::string_view name, std::span<const std::int64_t> shape,
                                         std::span<const float> values)>;

// For one thread at a time. Computes with compute_threads().
class JointNetworks {
 public:
  // Copies what it needs. Both checkpoints are given even where one network is not trained, since
  // the other one learns from it; the generator may be null where no question has prompts.
  //
  // With others in `workers`, which is borrowed, step() is theirs together: each is given the same
  // batch, computes a share of it, and comes to the same result and weights, which are those of one
  // process alone to rounding. Nothing else here waits for the others.
  //
  // Throws kCorrupt for tensors that are not finite, kInvalidArgument for options out of range, and
  // as torch_plugin() does.
  static std::unique_ptr<JointNetworks> load(const BertCheckpoint& encoder, Pooling pooling,
                                             const DecoderWeights* generator,
                                             const JointOptions& options,
                                             WorkerGroup& workers = WorkerGroup::alone());
  virtual ~JointNetworks() = default;

  // One step of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2) on the mean loss
  // of the batch, in which questions without passages come last. Passes are divided by
  // JointOptions' numbers of tokens; the result does not depend on how, to rounding. Texts that are
  // more than one pass of the encoder are computed without gradient first and once more, part by
  // part, with it, so that any number of passages fits (Gao et al. 2021, arXiv:2101.06983).
  virtual StepResult step(std::span<const TrainingQuestion> batch, const StepRates& rates) = 0;

  // Unit vectors by the encoder as it is now: [sequences, hidden_size].
  virtual std::vector<float> encode(std::span<const std::vector<TokenId>> sequences) = 0;
  // Log-likelihood of each token of the answer after the prompt, by the generator as it is now.
  virtual std::vector<float> score(std::span<const TokenId> prompt,
                                   std::span<const TokenId> answer) = 0;

  // All weights of a network, one after the other, under the names of its file; products of LoRA
  // are added in.
  virtual void visit_encoder(const WeightVisitor& visit) const = 0;
  virtual void visit_generator(const WeightVisitor& visit) const = 0;
  // What LoRA has learned of each matrix, by the names in the network's file; empty without.
  virtual LowRankChanges encoder_changes() const = 0;
  virtual LowRankChanges generator_changes() const = 0;

  // What a later process needs to go on: trained weights as they are and the optimiser's moments,
  // exactly. Throws kCorrupt if the file is of other networks or options.
  virtual void save_state(const std::filesystem::path& path) const = 0;
  virtual void load_state(const std::filesystem::path& path) = 0;
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_JOINT_NETWORKS_H_
