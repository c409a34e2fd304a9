// PreferenceNetwork by LibTorch.
#include <cmath>

#include "base/error.h"
#include "model/torch/torch_threads.h"
#include "trainer/preference_network.h"
#include "trainer/torch/adamw.h"
#include "trainer/torch/plugin.h"
#include "trainer/torch/preference_loss.h"
#include "trainer/torch/steps.h"
#include "trainer/torch/trainable_decoder.h"

namespace tandem::training {
namespace {

// Calls `use` for each part of the pairs that is one forward pass, in order.
template <typename Use>
void for_each_part(std::span<const PreferenceTokens> pairs, std::int64_t budget, const Use& use) {
  std::vector<std::int64_t> sizes;
  for (const PreferenceTokens& pair : pairs) {
    TANDEM_CHECK(!pair.prompt.empty() && !pair.chosen.empty() && !pair.rejected.empty());
    sizes.push_back(tokens_to_score(pair));
  }
  for (const auto& [begin, end] : parts_within(sizes, budget))
    use(pairs.subspan(begin, end - begin));
}

void append(const ScoredPairs& scored, std::vector<PairLikelihoods>& likelihoods) {
  const at::Tensor chosen = scored.chosen.detach().contiguous();
  const at::Tensor rejected = scored.rejected.detach().contiguous();
  for (std::int64_t i = 0; i < chosen.size(0); ++i)
    likelihoods.push_back(
        {chosen.const_data_ptr<double>()[i], rejected.const_data_ptr<double>()[i]});
}

class TorchPreferenceNetwork final : public PreferenceNetwork {
 public:
  TorchPreferenceNetwork(const DecoderWeights& generator, const PreferenceOptions& options);

  PreferenceStep step(std::span<const PreferenceTokens> batch, double rate) override;
  std::vector<PairLikelihoods> score(std::span<const PreferenceTokens> pairs) override;
  void visit(const WeightVisitor& visit) const override { generator_.parameters().visit(visit); }
  LowRankChanges changes() const override { return generator_.parameters().changes(); }
  void save_state(const std::filesystem::path& path) const override {
    save_tensors(optimiser_.state(), path);
  }
  void load_state(const std::filesystem::path& path) override {
    load_tensors(optimiser_.state(), path);
  }

 private:
  PreferenceOptions options_;
  TrainableDecoder generator_;
  AdamW optimiser_;
  StepMemory memory_;
};

TorchPreferenceNetwork::TorchPreferenceNetwork(const DecoderWeights& generator,
                                               const PreferenceOptions& options)
    : options_(options),
      generator_(generator, options.generator, options.seed, type_of(options.precision),
                 options.checkpoint_activations),
      optimiser_(generator_.parameters(), options.generator.weight_decay) {}

PreferenceStep TorchPreferenceNetwork::step(std::span<const PreferenceTokens> batch, double rate) {
  TANDEM_CHECK(!batch.empty());
  apply_torch_threads();
  PreferenceStep result;
  for_each_part(batch, options_.tokens, [&](std::span<const PreferenceTokens> part) {
    const double share = static_cast<double>(part.size()) / static_cast<double>(batch.size());
    const ScoredPairs scored = score_pairs(generator_, part);
    const PreferenceLossValue value =
        preference_loss(scored, options_.beta, options_.chosen_weight);
    (value.total * share).backward();
    result.loss += value.total.item<double>() * share;
    result.chosen += value.chosen * share;
    append(scored, result.likelihoods);
    for (const PreferenceTokens& pair : part) result.tokens += tokens_to_score(pair);
  });
  result.gradient = optimiser_.gradient_norm();
  result.finite = std::isfinite(result.loss) && std::isfinite(result.gradient);
  const bool limited = options_.gradient_limit > 0 && result.gradient > options_.gradient_limit;
  if (result.finite) optimiser_.step(rate, limited ? result.gradient / options_.gradient_limit : 1);
  optimiser_.clear_gradients();
  memory_.end_step();
  return result;
}

std::vector<PairLikelihoods> TorchPreferenceNetwork::score(
    std::span<const PreferenceTokens> pairs) {
  apply_torch_threads();
  const at::NoGradGuard no_grad;
  std::vector<PairLikelihoods> likelihoods;
  for_each_part(pairs, options_.tokens, [&](std::span<const PreferenceTokens> part) {
    append(score_pairs(generator_, part), likelihoods);
    memory_.end_step();
  });
  return likelihoods;
}

}  // namespace

std::unique_ptr<PreferenceNetwork> load_preferences(const DecoderWeights& generator,
                                                    const PreferenceOptions& options) {
  check_network(options.generator);
  if (!options.generator.trained || !(options.beta > 0) || !(options.chosen_weight >= 0) ||
      !(options.gradient_limit >= 0) || options.tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                "beta must be above 0, and weights and limits of training not negative");
  prepare_steps();
  return std::make_unique<TorchPreferenceNetwork>(generator, options);
}

}  // namespace tandem::training
