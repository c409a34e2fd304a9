#include "model/cross_encoder.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

std::vector<float> read(const BertCheckpoint& checkpoint, const std::string& name,
                        std::vector<std::int64_t> shape) {
  return dequantize(checkpoint.file->require(name, shape));
}

void require_one_label(const BertCheckpoint& checkpoint) {
  const std::string name =
      cross_encoder_names(checkpoint.config, checkpoint.prefix).output + ".weight";
  const TensorView* const output = checkpoint.file->find(name);
  const std::string path = checkpoint.file->path().string();
  if (output == nullptr)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has no tensor {}, the head of a reranker", path, name),
                "give the folder of a cross-encoder, such as one that tandem train reranker made");
  if (!output->shape.empty() && output->shape.front() != 1)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} tells {} labels apart", path, output->shape.front()),
                "a reranker has one, for how relevant a passage is");
}

}  // namespace

CrossEncoderNames cross_encoder_names(const BertConfig& config, const std::string& prefix) {
  if (config.is_roberta()) return {"classifier.dense", "classifier.out_proj"};
  return {prefix + "pooler.dense", "classifier"};
}

CrossEncoder::CrossEncoder(std::unique_ptr<BertModel> encoder, const BertCheckpoint& checkpoint)
    : encoder_(std::move(encoder)) {
  const std::int64_t hidden = checkpoint.config.hidden_size;
  const CrossEncoderNames names = cross_encoder_names(checkpoint.config, checkpoint.prefix);
  dense_ = read(checkpoint, names.dense + ".weight", {hidden, hidden});
  dense_bias_ = read(checkpoint, names.dense + ".bias", {hidden});
  output_ = read(checkpoint, names.output + ".weight", {1, hidden});
  output_bias_ = read(checkpoint, names.output + ".bias", {1}).front();
}

std::unique_ptr<CrossEncoder> CrossEncoder::load(const std::filesystem::path& folder,
                                                 BertExecutor executor) {
  const BertCheckpoint checkpoint = BertCheckpoint::open(folder);
  require_one_label(checkpoint);
  return std::unique_ptr<CrossEncoder>(
      new CrossEncoder(BertModel::load(folder, executor), checkpoint));
}

std::vector<float> CrossEncoder::score(std::span<const TextPair> pairs) const {
  const std::size_t hidden = output_.size();
  std::vector<std::vector<TokenId>> sequences;
  std::vector<std::size_t> first_lengths;
  for (const TextPair& pair : pairs) {
    sequences.push_back(pair.tokens);
    if (config().tells_texts_apart()) first_lengths.push_back(pair.first_length);
  }
  std::vector<float> states(pairs.size() * hidden);
  encoder_->pooled_states(sequences, first_lengths, Pooling::kCls, Urgency::kWaitedFor, states);
  std::vector<float> logits;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const float* const state = states.data() + i * hidden;
    float logit = output_bias_;
    for (std::size_t row = 0; row < hidden; ++row) {
      const float* const weights = dense_.data() + row * hidden;
      const float sum = std::inner_product(state, state + hidden, weights, dense_bias_[row]);
      logit += output_[row] * std::tanh(sum);
    }
    logits.push_back(logit);
  }
  return logits;
}

}  // namespace tandem
