#include "trainer/torch/trainable_bert.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "trainer/torch/composed_attention.h"
#include "trainer/torch/fused_functions.h"

namespace tandem::training {

TrainableBert::TrainableBert(const BertCheckpoint& checkpoint, Pooling pooling,
                             const NetworkOptions& options, std::uint64_t seed, at::ScalarType type)
    : config_(checkpoint.config),
      pooling_(pooling),
      type_(type),
      parameters_(*checkpoint.file, checkpoint.prefix, options, seed) {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t inner = config_.intermediate_size;
  words_ = parameters_.table("embeddings.word_embeddings.weight", config_.vocabulary_size, hidden);
  positions_ = parameters_.table("embeddings.position_embeddings.weight",
                                 config_.first_position + config_.max_positions, hidden);
  types_ = parameters_.table("embeddings.token_type_embeddings.weight",
                             config_.type_vocabulary_size, hidden);
  embedding_norm_ = load_norm("embeddings.LayerNorm");
  for (int i = 0; i < config_.layer_count; ++i) {
    const std::string name = fmt::format("encoder.layer.{}.", i);
    Layer layer;
    layer.query = load_linear(name + "attention.self.query", hidden, hidden);
    layer.key = load_linear(name + "attention.self.key", hidden, hidden);
    layer.value = load_linear(name + "attention.self.value", hidden, hidden);
    layer.attention_output = load_linear(name + "attention.output.dense", hidden, hidden);
    layer.attention_norm = load_norm(name + "attention.output.LayerNorm");
    layer.intermediate = load_linear(name + "intermediate.dense", inner, hidden);
    layer.output = load_linear(name + "output.dense", hidden, inner);
    layer.output_norm = load_norm(name + "output.LayerNorm");
    layers_.push_back(layer);
  }
}

TrainableBert::Linear TrainableBert::load_linear(const std::string& name, std::int64_t out,
                                                 std::int64_t in) {
  return {parameters_.matrix(name + ".weight", out, in), parameters_.vector(name + ".bias", out)};
}

TrainableBert::Norm TrainableBert::load_norm(const std::string& name) {
  return {parameters_.vector(name + ".weight", config_.hidden_size),
          parameters_.vector(name + ".bias", config_.hidden_size)};
}

at::Tensor TrainableBert::apply(const Linear& linear, const at::Tensor& x) const {
  return linear.matrix(x.to(type_), linear.bias);
}

at::Tensor TrainableBert::apply(const Norm& norm, const at::Tensor& x) const {
  return at::layer_norm(x, {config_.hidden_size}, norm.weight, norm.bias,
                        static_cast<double>(config_.layer_norm_epsilon));
}

at::Tensor TrainableBert::states(const PackedSequences& packed, const at::Tensor& types) const {
  const std::int64_t size = config_.hidden_size / config_.head_count;
  PackedAttention attention;
  attention.heads = attention.kv_heads = config_.head_count;
  attention.size = size;
  attention.scale = 1 / std::sqrt(static_cast<double>(size));
  const bool fused = has_packed_attention(type_);
  at::Tensor x = at::embedding(words_, packed.tokens) +
                 at::embedding(positions_, packed.positions + config_.first_position) +
                 (types.defined() ? at::embedding(types_, types) : types_.narrow(0, 0, 1));
  x = apply(embedding_norm_, x);
  for (const Layer& layer : layers_) {
    const Matrix matrices[] = {layer.query.matrix, layer.key.matrix, layer.value.matrix};
    const at::Tensor biases[] = {layer.query.bias, layer.key.bias, layer.value.bias};
    const at::Tensor all = side_by_side(matrices, biases, x.to(type_));
    const at::Tensor context = fused ? packed_attention(all, packed, attention)
                                     : composed_attention(all, packed, attention);
    x = apply(layer.attention_norm, x + apply(layer.attention_output, context));
    x = apply(layer.output_norm, x + apply(layer.output, at::gelu(apply(layer.intermediate, x))));
  }
  return x;
}

at::Tensor TrainableBert::encode(std::span<const std::vector<TokenId>> sequences) const {
  const PackedSequences packed = pack(sequences, config_.vocabulary_size, config_.max_positions);
  const at::Tensor x = states(packed, {});
  std::vector<at::Tensor> pooled;
  for (const at::Tensor& states : at::split_with_sizes(x, packed.lengths))
    pooled.push_back(pooling_ == Pooling::kCls ? states.select(0, 0) : states.mean(0));
  const at::Tensor vectors = at::stack(pooled);
  return vectors / vectors.norm(2, 1, true).clamp_min(1e-12);
}

at::Tensor TrainableBert::first_states(std::span<const TextPair> pairs) const {
  std::vector<std::vector<TokenId>> sequences;
  for (const TextPair& pair : pairs) sequences.push_back(pair.tokens);
  const PackedSequences packed = pack(sequences, config_.vocabulary_size, config_.max_positions);
  at::Tensor types;
  if (config_.tells_texts_apart()) {
    types = at::zeros({packed.rows()}, at::kLong);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto first = static_cast<std::int64_t>(pairs[i].first_length);
      types.narrow(0, packed.begins[i] + first, packed.lengths[i] - first).fill_(1);
    }
  }
  return at::index_select(states(packed, types), 0, at::tensor(packed.begins, at::kLong));
}

}  // namespace tandem::training
