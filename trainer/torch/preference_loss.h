// What is minimised where a generator learns which of two answers is preferred
// (trainer/preference_network.h says the formula and where it is from).
#ifndef TANDEM_TRAINER_TORCH_PREFERENCE_LOSS_H_
#define TANDEM_TRAINER_TORCH_PREFERENCE_LOSS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "trainer/preference_network.h"
#include "trainer/torch/trainable_decoder.h"

namespace tandem::training {

// Log-likelihoods of whole answers, each [pairs]; those of the reference have no gradient.
struct ScoredPairs {
  at::Tensor chosen;
  at::Tensor rejected;
  at::Tensor reference_chosen;
  at::Tensor reference_rejected;
  at::Tensor chosen_tokens;  // how many tokens chosen answers have
};

// By one forward pass, in double precision: what is compared are differences of large sums. Prompts
// are no part of them.
ScoredPairs score_pairs(const TrainableDecoder& generator, std::span<const PreferenceTokens> pairs);

struct PreferenceLossValue {
  at::Tensor total;   // a scalar, the mean over the pairs
  double chosen = 0;  // the mean of the chosen answers' own loss, unweighted; without gradient
};

PreferenceLossValue preference_loss(const ScoredPairs& pairs, double beta, double chosen_weight);

// Tokens that the generator reads for a pair.
std::int64_t tokens_to_score(const PreferenceTokens& pair);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_PREFERENCE_LOSS_H_
