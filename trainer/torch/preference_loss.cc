#include "trainer/torch/preference_loss.h"

#include <ATen/ops/log_sigmoid.h>

#include <vector>

#include "base/error.h"

namespace tandem::training {

ScoredPairs score_pairs(const TrainableDecoder& generator,
                        std::span<const PreferenceTokens> pairs) {
  std::vector<ScoredSequence> sequences;
  std::vector<double> reference_chosen, reference_rejected, chosen_tokens;
  for (const PreferenceTokens& pair : pairs) {
    sequences.push_back({pair.prompt, pair.chosen});
    sequences.push_back({pair.prompt, pair.rejected});
    reference_chosen.push_back(pair.reference.chosen);
    reference_rejected.push_back(pair.reference.rejected);
    chosen_tokens.push_back(static_cast<double>(pair.chosen.size()));
  }
  const at::Tensor tokens = generator.log_likelihoods(sequences).to(at::kDouble);
  std::vector<at::Tensor> chosen, rejected;
  std::int64_t next = 0;
  const auto whole = [&](const std::vector<TokenId>& answer) {
    const auto length = static_cast<std::int64_t>(answer.size());
    next += length;
    return tokens.narrow(0, next - length, length).sum();
  };
  for (const PreferenceTokens& pair : pairs) {
    chosen.push_back(whole(pair.chosen));
    rejected.push_back(whole(pair.rejected));
  }
  const auto doubles = [](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble);
  };
  return {at::stack(chosen), at::stack(rejected), doubles(reference_chosen),
          doubles(reference_rejected), doubles(chosen_tokens)};
}

PreferenceLossValue preference_loss(const ScoredPairs& pairs, double beta, double chosen_weight) {
  TANDEM_CHECK(pairs.chosen.dim() == 1 && pairs.chosen.sizes() == pairs.rejected.sizes());
  const at::Tensor margin = beta * ((pairs.chosen - pairs.reference_chosen) -
                                    (pairs.rejected - pairs.reference_rejected));
  const at::Tensor preferred = -at::log_sigmoid(margin).mean();
  const at::Tensor chosen = -(pairs.chosen / pairs.chosen_tokens).mean();
  return {chosen_weight > 0 ? preferred + chosen_weight * chosen : preferred,
          chosen.item<double>()};
}

std::int64_t tokens_to_score(const PreferenceTokens& pair) {
  // The last token of an answer predicts nothing that is scored.
  return static_cast<std::int64_t>(2 * (pair.prompt.size() - 1) + pair.chosen.size() +
                                   pair.rejected.size());
}

}  // namespace tandem::training
