// JointNetworks by LibTorch.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "model/torch/torch_threads.h"
#include "trainer/joint_networks.h"
#include "trainer/torch/adamw.h"
#include "trainer/torch/answer_scores.h"
#include "trainer/torch/contrastive_loss.h"
#include "trainer/torch/joint_loss.h"
#include "trainer/torch/plugin.h"
#include "trainer/torch/steps.h"
#include "trainer/torch/trainable_bert.h"
#include "trainer/torch/trainable_decoder.h"

namespace tandem::training {
namespace {

using Sequences = std::vector<std::vector<TokenId>>;
using Texts = std::span<const std::vector<TokenId>>;

void check(const JointOptions& options) {
  check_network(options.encoder);
  check_network(options.generator);
  if (!(options.score_temperature > 0) || !(options.joint_weight >= 0) ||
      !(options.contrastive_weight >= 0) || !(options.gradient_limit >= 0) ||
      options.encoder_tokens < 1 || options.generator_tokens < 1)
    throw Error(ErrorCode::kInvalidArgument,
                "weights and limits of training must not be negative, and its temperature above 0");
}

// Tokens that the generator reads for each question.
std::vector<std::int64_t> sizes_of(std::span<const TrainingQuestion> questions) {
  std::vector<std::int64_t> sizes;
  for (const TrainingQuestion& question : questions) {
    TANDEM_CHECK(question.prompts.size() == question.passages.size() && !question.answer.empty());
    sizes.push_back(tokens_to_score(question));
  }
  return sizes;
}

// The texts of a batch: its questions, then each of its passages once.
struct BatchTexts {
  Sequences sequences;
  std::vector<std::vector<std::int64_t>> columns;  // of each question's `passages`, from 0
  std::vector<std::uint64_t> ids;                  // by column
};

BatchTexts texts_of(std::span<const TrainingQuestion> batch) {
  BatchTexts texts;
  std::unordered_map<std::uint64_t, std::int64_t> known;
  Sequences passages;
  const auto place = [&](const std::vector<TokenId>& passage, std::uint64_t id) {
    const auto next = static_cast<std::int64_t>(passages.size());
    const auto [found, is_new] = known.emplace(id, next);
    if (is_new) {
      passages.push_back(passage);
      texts.ids.push_back(id);
    }
    return found->second;
  };
  for (const TrainingQuestion& question : batch) {
    TANDEM_CHECK(question.passages.size() == question.passage_ids.size());
    TANDEM_CHECK(question.negatives.size() == question.negative_ids.size());
    texts.sequences.push_back(question.query);
    auto& columns = texts.columns.emplace_back();
    for (std::size_t i = 0; i < question.passages.size(); ++i)
      columns.push_back(place(question.passages[i], question.passage_ids[i]));
    for (std::size_t i = 0; i < question.negatives.size(); ++i)
      place(question.negatives[i], question.negative_ids[i]);
  }
  std::move(passages.begin(), passages.end(), std::back_inserter(texts.sequences));
  return texts;
}

std::vector<std::int64_t> sizes_of(Texts texts) {
  std::vector<std::int64_t> sizes;
  for (const auto& sequence : texts) sizes.push_back(static_cast<std::int64_t>(sequence.size()));
  return sizes;
}

class TorchJointNetworks final : public JointNetworks {
 public:
  TorchJointNetworks(const BertCheckpoint& encoder, Pooling pooling,
                     const DecoderWeights* generator, const JointOptions& options,
                     WorkerGroup& workers);

  StepResult step(std::span<const TrainingQuestion> batch, const StepRates& rates) override;
  std::vector<float> encode(std::span<const std::vector<TokenId>> sequences) override;
  std::vector<float> score(std::span<const TokenId> prompt,
                           std::span<const TokenId> answer) override;
  void visit_encoder(const WeightVisitor& visit) const override {
    encoder_.parameters().visit(visit);
  }
  void visit_generator(const WeightVisitor& visit) const override {
    TANDEM_CHECK(generator_);
    generator_->parameters().visit(visit);
  }
  LowRankChanges encoder_changes() const override { return encoder_.parameters().changes(); }
  LowRankChanges generator_changes() const override {
    return generator_ ? generator_->parameters().changes() : LowRankChanges();
  }
  void save_state(const std::filesystem::path& path) const override { save_tensors(state(), path); }
  void load_state(const std::filesystem::path& path) override { load_tensors(state(), path); }

 private:
  NamedTensors state() const;
  at::Tensor encode_without_gradient(Texts texts) const;
  // With the way back to the encoder's weights where all texts are one pass, else without.
  at::Tensor encode_once(Texts texts) const;
  // What all workers have encoded, without gradient.
  at::Tensor gather_vectors(const at::Tensor& own) const;
  // The gradient of the encoder's weights, given that of the vectors that encode_once() gave.
  void back_through_encoder(Texts texts, const at::Tensor& vectors,
                            const at::Tensor& gradient) const;
  // What the first questions of a batch, those with passages, teach: adds this worker's share of
  // their loss to `result`, and of its gradient to the networks'.
  void learn_retrieved(std::span<const TrainingQuestion> questions, std::size_t batch_size,
                       StepResult& result) const;
  // The same of their joint loss, with a gradient that goes to `scores` and the generator.
  void joint(std::span<const TrainingQuestion> questions, std::size_t batch_size,
             const BatchTexts& texts, const at::Tensor& scores, StepResult& result) const;
  // The same of the other questions of a batch, which teach the generator alone.
  void learn_together(std::span<const TrainingQuestion> questions, std::size_t batch_size,
                      StepResult& result) const;
  // From the shares of a step to the whole of it, the same for all workers.
  void add_up(StepResult& result);
  at::Tensor contrast(std::span<const TrainingQuestion> batch, const BatchTexts& texts,
                      const at::Tensor& scores) const;

  JointOptions options_;
  WorkerGroup& workers_;
  std::unique_ptr<JointLoss> loss_;
  TrainableBert encoder_;
  std::unique_ptr<TrainableDecoder> generator_;  // null where it has no part
  AdamW encoder_optimiser_;
  std::optional<AdamW> generator_optimiser_;
  StepMemory memory_;
};

TorchJointNetworks::TorchJointNetworks(const BertCheckpoint& encoder, Pooling pooling,
                                       const DecoderWeights* generator, const JointOptions& options,
                                       WorkerGroup& workers)
    : options_(options),
      workers_(workers),
      loss_(make_joint_loss(options.loss)),
      encoder_(encoder, pooling, options.encoder, options.seed, type_of(options.precision)),
      encoder_optimiser_(encoder_.parameters(), options.encoder.weight_decay) {
  if (generator == nullptr) return;
  generator_ = std::make_unique<TrainableDecoder>(*generator, options.generator, options.seed,
                                                  type_of(options.precision),
                                                  options.checkpoint_activations);
  generator_optimiser_.emplace(generator_->parameters(), options.generator.weight_decay);
}

at::Tensor TorchJointNetworks::encode_without_gradient(Texts texts) const {
  const at::NoGradGuard no_grad;
  if (texts.empty()) return at::zeros({0, encoder_.config().hidden_size});
  std::vector<at::Tensor> vectors;
  for (const auto& [begin, end] : parts_within(sizes_of(texts), options_.encoder_tokens))
    vectors.push_back(encoder_.encode(texts.subspan(begin, end - begin)));
  return at::cat(vectors);
}

at::Tensor TorchJointNetworks::encode_once(Texts texts) const {
  const bool fits = parts_within(sizes_of(texts), options_.encoder_tokens).size() == 1;
  return fits && options_.encoder.trained ? encoder_.encode(texts) : encode_without_gradient(texts);
}

at::Tensor TorchJointNetworks::gather_vectors(const at::Tensor& own) const {
  if (workers_.size() == 1) return own.detach();
  const at::Tensor rows = own.detach().contiguous();
  const auto all = gather_numbers<float>(
      workers_, {rows.const_data_ptr<float>(), static_cast<std::size_t>(rows.numel())});
  return at::tensor(all).view({-1, own.size(1)});
}

void TorchJointNetworks::back_through_encoder(Texts texts, const at::Tensor& vectors,
                                              const at::Tensor& gradient) const {
  if (vectors.requires_grad()) {
    vectors.backward(gradient);
    return;
  }
  for (const auto& [begin, end] : parts_within(sizes_of(texts), options_.encoder_tokens)) {
    const auto count = static_cast<std::int64_t>(end - begin);
    encoder_.encode(texts.subspan(begin, end - begin))
        .backward(gradient.narrow(0, static_cast<std::int64_t>(begin), count));
  }
}

at::Tensor TorchJointNetworks::contrast(std::span<const TrainingQuestion> batch,
                                        const BatchTexts& texts, const at::Tensor& scores) const {
  std::vector<std::int64_t> rows;
  const at::Tensor right = at::zeros(scores.sizes(), at::kBool);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    bool any = false;
    for (std::size_t column = 0; column < texts.ids.size(); ++column) {
      const auto& positives = batch[i].positive_ids;
      if (std::find(positives.begin(), positives.end(), texts.ids[column]) == positives.end())
        continue;
      right[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(column)] = true;
      any = true;
    }
    if (any) rows.push_back(static_cast<std::int64_t>(i));
  }
  if (rows.empty()) return {};
  const at::Tensor taken = at::tensor(rows, at::kLong);
  const at::Tensor positives = at::index_select(right, 0, taken);
  return contrastive_loss(at::index_select(scores, 0, taken), positives, at::zeros_like(positives));
}

void TorchJointNetworks::joint(std::span<const TrainingQuestion> questions, std::size_t batch_size,
                               const BatchTexts& texts, const at::Tensor& scores,
                               StepResult& result) const {
  for (const auto& [begin, end] :
       parts_of_worker(sizes_of(questions), options_.generator_tokens, workers_)) {
    const std::size_t count = end - begin;
    const double share = static_cast<double>(count) / static_cast<double>(batch_size);
    const JointLossValue value = loss_->compute(score_answers(
        *generator_, questions.subspan(begin, count),
        std::span(texts.columns).subspan(begin, count),
        scores.narrow(0, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(count)),
        options_.loss.kind));
    result.joint += value.total.item<double>() * share;
    result.generator += value.generator * share;
    result.retriever += value.retriever * share;
    if (value.total.requires_grad()) (value.total * (share * options_.joint_weight)).backward();
  }
}

void TorchJointNetworks::learn_retrieved(std::span<const TrainingQuestion> questions,
                                         std::size_t batch_size, StepResult& result) const {
  const BatchTexts texts = texts_of(questions);
  const auto count = static_cast<std::int64_t>(questions.size());
  const bool trains_encoder = options_.encoder.trained;
  const auto [first, last] = share_of_worker(sizes_of(Texts(texts.sequences)), workers_);
  const Texts own = Texts(texts.sequences).subspan(first, last - first);
  const at::Tensor encoded = encode_once(own);
  const at::Tensor vectors = gather_vectors(encoded).requires_grad_(trains_encoder);
  const at::Tensor all_scores = at::matmul(vectors.narrow(0, 0, count),
                                           vectors.narrow(0, count, vectors.size(0) - count).t()) /
                                options_.score_temperature;
  // Each part of the loss adds to the gradient here, and it goes back through the encoder once.
  const at::Tensor scores = all_scores.detach().requires_grad_(trains_encoder);

  if (generator_ && options_.joint_weight > 0) {
    joint(questions, batch_size, texts, scores, result);
    if (trains_encoder && workers_.size() > 1) {
      const at::Tensor sum =
          scores.grad().defined() ? scores.grad().contiguous() : at::zeros_like(scores);
      workers_.add_up({sum.mutable_data_ptr<float>(), static_cast<std::size_t>(sum.numel())});
      scores.mutable_grad() = sum;
    }
  }
  // After that sum: each worker has all of it.
  if (options_.contrastive_weight > 0) {
    if (const at::Tensor loss = contrast(questions, texts, scores); loss.defined()) {
      result.contrastive = loss.item<double>();
      if (loss.requires_grad()) (loss * options_.contrastive_weight).backward();
    }
  }
  if (trains_encoder && scores.grad().defined()) {
    all_scores.backward(scores.grad());
    if (!own.empty())
      back_through_encoder(own, encoded,
                           vectors.grad().narrow(0, static_cast<std::int64_t>(first),
                                                 static_cast<std::int64_t>(last - first)));
  }
}

void TorchJointNetworks::learn_together(std::span<const TrainingQuestion> questions,
                                        std::size_t batch_size, StepResult& result) const {
  if (!generator_ || !(options_.joint_weight > 0)) return;
  for (const auto& [begin, end] :
       parts_of_worker(sizes_of(questions), options_.generator_tokens, workers_)) {
    const double share = static_cast<double>(end - begin) / static_cast<double>(batch_size);
    const at::Tensor loss =
        together_loss(*generator_, questions.subspan(begin, end - begin), options_.loss.likelihood);
    const double weighted = options_.loss.generator_weight * share;
    result.generator += loss.item<double>() * share;
    result.joint += loss.item<double>() * weighted;
    if (loss.requires_grad()) (loss * (weighted * options_.joint_weight)).backward();
  }
}

void TorchJointNetworks::add_up(StepResult& result) {
  const double shares[] = {result.joint, result.generator, result.retriever};
  const auto all = gather_numbers<double>(workers_, shares);
  result.joint = result.generator = result.retriever = 0;
  for (std::size_t i = 0; i < all.size(); i += std::size(shares)) {
    result.joint += all[i];
    result.generator += all[i + 1];
    result.retriever += all[i + 2];
  }
  result.loss =
      options_.joint_weight * result.joint + options_.contrastive_weight * result.contrastive;

  encoder_optimiser_.add_up_gradients(workers_);
  if (generator_optimiser_) generator_optimiser_->add_up_gradients(workers_);
  // Those of the first worker, for all: a sum may depend on the number of threads, and weights
  // would drift apart.
  const double own[] = {encoder_optimiser_.gradient_norm(),
                        generator_optimiser_ ? generator_optimiser_->gradient_norm() : 0};
  const auto norms = gather_numbers<double>(workers_, own);
  result.encoder_gradient = norms[0];
  result.generator_gradient = norms[1];
  result.finite = std::isfinite(result.loss) && std::isfinite(result.encoder_gradient) &&
                  std::isfinite(result.generator_gradient);
}

StepResult TorchJointNetworks::step(std::span<const TrainingQuestion> batch,
                                    const StepRates& rates) {
  TANDEM_CHECK(!batch.empty());
  apply_torch_threads();
  const auto has_passages = [](const TrainingQuestion& q) { return !q.passages.empty(); };
  TANDEM_CHECK(std::is_partitioned(batch.begin(), batch.end(), has_passages));
  const auto retrieved = static_cast<std::size_t>(
      std::partition_point(batch.begin(), batch.end(), has_passages) - batch.begin());
  StepResult result;
  if (retrieved > 0) learn_retrieved(batch.first(retrieved), batch.size(), result);
  learn_together(batch.subspan(retrieved), batch.size(), result);
  if (generator_ && options_.joint_weight > 0)
    for (const TrainingQuestion& question : batch)
      result.generator_tokens += tokens_to_score(question);
  add_up(result);
  const auto update = [&](AdamW& optimiser, double norm, double rate) {
    const double limit = options_.gradient_limit;
    if (result.finite) optimiser.step(rate, limit > 0 && norm > limit ? norm / limit : 1);
    optimiser.clear_gradients();
  };
  update(encoder_optimiser_, result.encoder_gradient, rates.encoder);
  if (generator_optimiser_)
    update(*generator_optimiser_, result.generator_gradient, rates.generator);
  memory_.end_step();
  return result;
}

std::vector<float> TorchJointNetworks::encode(std::span<const std::vector<TokenId>> sequences) {
  if (sequences.empty()) return {};
  apply_torch_threads();
  const at::Tensor vectors = encode_without_gradient(sequences).contiguous();
  const float* const data = vectors.const_data_ptr<float>();
  return {data, data + vectors.numel()};
}

std::vector<float> TorchJointNetworks::score(std::span<const TokenId> prompt,
                                             std::span<const TokenId> answer) {
  TANDEM_CHECK(generator_);
  apply_torch_threads();
  const at::NoGradGuard no_grad;
  const ScoredSequence pair = {prompt, answer};
  const at::Tensor scored = generator_->log_likelihoods({&pair, 1}).contiguous();
  const float* const data = scored.const_data_ptr<float>();
  return {data, data + scored.numel()};
}

NamedTensors TorchJointNetworks::state() const {
  NamedTensors all;
  const auto add = [&](const char* network, const AdamW& optimiser) {
    for (auto& [name, tensor] : optimiser.state()) all.emplace_back(network + name, tensor);
  };
  add("encoder.", encoder_optimiser_);
  if (generator_optimiser_) add("generator.", *generator_optimiser_);
  return all;
}

}  // namespace

std::unique_ptr<JointNetworks> load_networks(const BertCheckpoint& encoder, Pooling pooling,
                                             const DecoderWeights* generator,
                                             const JointOptions& options, WorkerGroup& workers) {
  check(options);
  prepare_steps();
  return std::make_unique<TorchJointNetworks>(encoder, pooling, generator, options, workers);
}

}  // namespace tandem::training
