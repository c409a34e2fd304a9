// RerankerNetwork by LibTorch.
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "model/cross_encoder.h"
#include "model/torch/torch_threads.h"
#include "trainer/reranker_network.h"
#include "trainer/torch/adamw.h"
#include "trainer/torch/plugin.h"
#include "trainer/torch/steps.h"
#include "trainer/torch/trainable_bert.h"

namespace tandem::training {
namespace {

constexpr NetworkOptions network_options(const RerankerOptions& options) {
  return {.trained = true, .lora_rank = 0, .weight_decay = options.weight_decay};
}

class TorchRerankerNetwork final : public RerankerNetwork {
 public:
  TorchRerankerNetwork(const BertCheckpoint& checkpoint, const RerankerOptions& options);

  RerankerStep step(std::span<const RankedPairs> batch, double rate) override;
  void visit(const WeightVisitor& visit) const override {
    encoder_.parameters().visit(visit);
    head_.visit(visit);
  }
  void save_state(const std::filesystem::path& path) const override { save_tensors(state(), path); }
  void load_state(const std::filesystem::path& path) override { load_tensors(state(), path); }

 private:
  // [pairs]
  at::Tensor logits(std::span<const TextPair> pairs) const;
  NamedTensors state() const;

  RerankerOptions options_;
  TrainableBert encoder_;
  Parameters head_;
  Matrix dense_, output_;
  at::Tensor dense_bias_, output_bias_;
  std::vector<AdamW> optimisers_;  // of the encoder, of the head
  StepMemory memory_;
};

TorchRerankerNetwork::TorchRerankerNetwork(const BertCheckpoint& checkpoint,
                                           const RerankerOptions& options)
    : options_(options),
      encoder_(checkpoint, Pooling::kCls, network_options(options), 0, type_of(options.precision)),
      head_(*checkpoint.file, "", network_options(options), 0) {
  const std::int64_t hidden = checkpoint.config.hidden_size;
  const CrossEncoderNames names = cross_encoder_names(checkpoint.config, checkpoint.prefix);
  dense_ = head_.matrix(names.dense + ".weight", hidden, hidden);
  dense_bias_ = head_.vector(names.dense + ".bias", hidden);
  output_ = head_.matrix(names.output + ".weight", 1, hidden);
  output_bias_ = head_.vector(names.output + ".bias", 1);
  optimisers_.emplace_back(encoder_.parameters(), options.weight_decay);
  optimisers_.emplace_back(head_, options.weight_decay);
}

at::Tensor TorchRerankerNetwork::logits(std::span<const TextPair> pairs) const {
  const at::Tensor states = encoder_.first_states(pairs).to(at::kFloat);
  return output_(dense_(states, dense_bias_).tanh(), output_bias_).squeeze(1);
}

RerankerStep TorchRerankerNetwork::step(std::span<const RankedPairs> batch, double rate) {
  TANDEM_CHECK(!batch.empty());
  apply_torch_threads();
  std::vector<std::int64_t> sizes;
  for (const RankedPairs& question : batch) {
    TANDEM_CHECK(question.size() >= 2);
    std::int64_t size = 0;
    for (const TextPair& pair : question) size += static_cast<std::int64_t>(pair.tokens.size());
    sizes.push_back(size);
  }
  RerankerStep result;
  result.tokens = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  const double share = 1 / static_cast<double>(batch.size());
  for (const auto& [begin, end] : parts_within(sizes, options_.tokens)) {
    std::vector<TextPair> pairs;
    for (std::size_t i = begin; i < end; ++i)
      pairs.insert(pairs.end(), batch[i].begin(), batch[i].end());
    const at::Tensor scores = logits(pairs);
    at::Tensor loss = at::zeros({}, at::kFloat);
    std::int64_t row = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const auto count = static_cast<std::int64_t>(batch[i].size());
      const at::Tensor own = scores.narrow(0, row, count);
      loss = loss - at::log_softmax(own, 0)[0];
      if (own.argmax().item<std::int64_t>() == 0) result.right += share;
      row += count;
    }
    loss = loss * share;
    result.loss += loss.item<double>();
    loss.backward();
  }
  double squares = 0;
  for (const AdamW& optimiser : optimisers_) squares += std::pow(optimiser.gradient_norm(), 2);
  result.gradient = std::sqrt(squares);
  result.finite = std::isfinite(result.loss) && std::isfinite(result.gradient);
  const bool limited = options_.gradient_limit > 0 && result.gradient > options_.gradient_limit;
  for (AdamW& optimiser : optimisers_) {
    if (result.finite)
      optimiser.step(rate, limited ? result.gradient / options_.gradient_limit : 1);
    optimiser.clear_gradients();
  }
  memory_.end_step();
  return result;
}

NamedTensors TorchRerankerNetwork::state() const {
  NamedTensors all;
  for (const AdamW& optimiser : optimisers_)
    for (auto& tensor : optimiser.state()) all.push_back(std::move(tensor));
  return all;
}

}  // namespace

std::unique_ptr<RerankerNetwork> load_reranker(const BertCheckpoint& checkpoint,
                                               const RerankerOptions& options) {
  if (!(options.weight_decay >= 0) || !(options.gradient_limit >= 0) || options.tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                "weight decay and limits of training must not be negative");
  prepare_steps();
  return std::make_unique<TorchRerankerNetwork>(checkpoint, options);
}

}  // namespace tandem::training
