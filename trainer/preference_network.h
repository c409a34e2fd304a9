// A generator that learns which of two answers is preferred: batches of pairs in, changed weights
// out.
//
// LibTorch computes here; this header does not say so, and whoever includes it is not linked to it.
#ifndef TANDEM_TRAINER_PREFERENCE_NETWORK_H_
#define TANDEM_TRAINER_PREFERENCE_NETWORK_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/decoder_weights.h"
#include "model/lora.h"
#include "model/tokenizers/tokenizer.h"
#include "trainer/joint_networks.h"
#include "trainer/preference_figures.h"

namespace tandem {

// A prompt with two answers to it, as tokens; none is empty.
struct PreferenceTokens {
  std::string id;                 // for messages
  std::vector<TokenId> prompt;    // as it is served
  std::vector<TokenId> chosen;    // the token that ends the turn included
  std::vector<TokenId> rejected;  // likewise
  PairLikelihoods reference;      // by the generator as it was at the beginning
};

struct PreferenceOptions {
  NetworkOptions generator = {};
  double beta = 0.1;          // how much what is preferred counts against staying the same
  double chosen_weight = 0;   // of the chosen answer's own loss
  double gradient_limit = 1;  // of the norm of the gradient; 0: none
  TrainingPrecision precision = TrainingPrecision::kFastest;
  int tokens = 4096;                    // of a forward pass with gradient. Memory grows with them
  bool checkpoint_activations = false;  // as JointOptions
  std::uint64_t seed = 1;               // of what LoRA begins with
};

struct PreferenceStep {
  double loss = 0;  // of the batch, as it was weighted
  // Of the batch, before the step.
  std::vector<PairLikelihoods> likelihoods;
  double chosen = 0;        // the chosen answers' own loss, unweighted
  double gradient = 0;      // its norm, before it was limited
  std::int64_t tokens = 0;  // that the generator read
  bool finite = true;       // if not, nothing was changed
};

// For one thread at a time. Computes with compute_threads().
class PreferenceNetwork {
 public:
  // Copies what it needs. Throws kCorrupt for tensors that are not finite, kInvalidArgument for
  // options out of range, and as torch_plugin() does.
  static std::unique_ptr<PreferenceNetwork> load(const DecoderWeights& generator,
                                                 const PreferenceOptions& options);
  virtual ~PreferenceNetwork() = default;

  // One step of AdamW on the mean over the pairs of
  //
  //   -log sigmoid( r(chosen) - r(rejected) ) - w l(chosen) / |chosen|,
  //   r(answer) = beta (l(answer) - l_reference(answer))
  //
  // l being the log-likelihood of an answer of |answer| tokens after its prompt and w the chosen
  // weight: direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290, equation 7),
  // with the term of Pang et al. 2024 (arXiv:2404.19733, equation 1), which keeps the chosen answer
  // from becoming less likely along with the rejected one. Passes are divided by
  // PreferenceOptions::tokens; the result does not depend on how, to rounding.
  virtual PreferenceStep step(std::span<const PreferenceTokens> batch, double rate) = 0;

  // By the generator as it is now, without gradient.
  virtual std::vector<PairLikelihoods> score(std::span<const PreferenceTokens> pairs) = 0;

  // As those of JointNetworks.
  virtual void visit(const WeightVisitor& visit) const = 0;
  virtual LowRankChanges changes() const = 0;
  virtual void save_state(const std::filesystem::path& path) const = 0;
  virtual void load_state(const std::filesystem::path& path) = 0;
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_PREFERENCE_NETWORK_H_
