#include "trainer/torch/trainable_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <complex>
#include <limits>
#include <optional>

#include "base/error.h"

namespace tandem::training {
namespace {

// e^(i * position * frequency) times the magnitude: [rows, 1, rotary_size / 2], complex.
at::Tensor rotations(const AttentionKind& kind, const PackedSequences& packed) {
  const auto pairs = static_cast<std::int64_t>(kind.frequencies.size());
  at::Tensor turn = at::empty({packed.rows(), 1, pairs}, at::kComplexFloat);
  auto* out = reinterpret_cast<std::complex<float>*>(turn.mutable_data_ptr<c10::complex<float>>());
  const double magnitude = kind.rotary_magnitude;
  for (const std::int64_t length : packed.lengths)
    for (std::int64_t position = 0; position < length; ++position)
      for (const double frequency : kind.frequencies)
        *out++ =
            std::complex<float>(std::polar(magnitude, static_cast<double>(position) * frequency));
  return turn;
}

// As model/torch/tensor_rotation.h does it, but into a new tensor. `heads` [rows, heads, size].
at::Tensor rotated(const at::Tensor& heads, RotaryPairs pairs, const at::Tensor& turn) {
  const std::int64_t half = turn.size(2);
  const at::Tensor rest = heads.narrow(2, 2 * half, heads.size(2) - 2 * half);
  at::Tensor turned;
  if (pairs == RotaryPairs::kNeighbours) {
    const at::Tensor numbers =
        at::view_as_complex(heads.narrow(2, 0, 2 * half).unflatten(2, {half, 2}).contiguous());
    turned = at::view_as_real(numbers * turn).flatten(2);
  } else {
    const at::Tensor numbers = at::complex(heads.narrow(2, 0, half), heads.narrow(2, half, half));
    const at::Tensor parts = at::view_as_real(numbers * turn);
    turned = at::cat({parts.select(3, 0), parts.select(3, 1)}, 2);
  }
  return rest.size(2) == 0 ? turned : at::cat({turned, rest}, 2);
}

// What a position may not see where a window is narrower than the sequence: [length, length].
at::Tensor window_mask(std::int64_t length, std::int64_t window, at::ScalarType type) {
  const at::Tensor hidden = at::full({length, length}, -std::numeric_limits<float>::infinity());
  return (hidden.triu(1) + hidden.tril(-window)).to(type);
}

}  // namespace

TrainableDecoder::TrainableDecoder(const DecoderWeights& weights, const NetworkOptions& options,
                                   std::uint64_t seed, at::ScalarType type)
    : config_(weights.config()), type_(type), parameters_(weights, "", options, seed) {
  embedding_ = parameters_.table("token_embd.weight", config_.vocabulary_size, config_.hidden_size);
  for (int i = 0; i < config_.layer_count; ++i) layers_.push_back(load_layer(i));
  output_norm_ = parameters_.vector("output_norm.weight", config_.hidden_size);
  output_.weight = config_.tied_output ? embedding_
                                       : parameters_.table("output.weight", config_.vocabulary_size,
                                                           config_.hidden_size);
}

TrainableDecoder::Layer TrainableDecoder::load_layer(int index) {
  const std::string name = fmt::format("blk.{}.", index);
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t inner = config_.intermediate_size;
  const std::int64_t query = std::int64_t{config_.head_count} * config_.head_size;
  const std::int64_t key = std::int64_t{config_.kv_head_count} * config_.head_size;
  Layer layer;
  layer.kind =
      static_cast<std::size_t>(config_.layer_attention.at(static_cast<std::size_t>(index)));
  layer.attention_norm = parameters_.vector(name + "attn_norm.weight", hidden);
  layer.query = parameters_.matrix(name + "attn_q.weight", query, hidden);
  layer.key = parameters_.matrix(name + "attn_k.weight", key, hidden);
  layer.value = parameters_.matrix(name + "attn_v.weight", key, hidden);
  if (config_.query_key_value_bias) {
    layer.query_bias = parameters_.vector(name + "attn_q.bias", query);
    layer.key_bias = parameters_.vector(name + "attn_k.bias", key);
    layer.value_bias = parameters_.vector(name + "attn_v.bias", key);
  }
  if (config_.query_key_norm) {
    layer.query_norm = parameters_.vector(name + "attn_q_norm.weight", config_.head_size);
    layer.key_norm = parameters_.vector(name + "attn_k_norm.weight", config_.head_size);
  }
  layer.attention_output = parameters_.matrix(name + "attn_output.weight", hidden, query);
  layer.feed_forward_norm = parameters_.vector(name + "ffn_norm.weight", hidden);
  layer.gate = parameters_.matrix(name + "ffn_gate.weight", inner, hidden);
  layer.up = parameters_.matrix(name + "ffn_up.weight", inner, hidden);
  layer.down = parameters_.matrix(name + "ffn_down.weight", hidden, inner);
  if (config_.norm_after) {
    layer.after_attention_norm = parameters_.vector(name + "post_attention_norm.weight", hidden);
    layer.after_feed_forward_norm = parameters_.vector(name + "post_ffw_norm.weight", hidden);
  }
  return layer;
}

// Zhang and Sennrich 2019, arXiv:1910.07467, equation 4, over the last dimension, in float.
at::Tensor TrainableDecoder::norm(const at::Tensor& x, const at::Tensor& weight) const {
  const at::Tensor numbers = x.to(at::kFloat);
  const at::Tensor scale =
      at::rsqrt((numbers * numbers).mean(-1, true) + static_cast<double>(config_.norm_epsilon));
  const at::Tensor factor =
      config_.norm_weight_offset == 0 ? weight : weight + config_.norm_weight_offset;
  return numbers * scale * factor;
}

at::Tensor TrainableDecoder::attend(const Layer& layer, const at::Tensor& x,
                                    const PackedSequences& packed, const at::Tensor& turn) const {
  const std::int64_t rows = packed.rows();
  const std::int64_t heads = config_.head_count;
  const std::int64_t kv_heads = config_.kv_head_count;
  const std::int64_t repeat = heads / kv_heads;
  const std::int64_t size = config_.head_size;
  const auto project = [&](const Matrix& matrix, const at::Tensor& bias, std::int64_t count) {
    return matrix(x, bias).view({rows, count, size});
  };
  at::Tensor query = project(layer.query, layer.query_bias, heads).to(at::kFloat);
  at::Tensor key = project(layer.key, layer.key_bias, kv_heads).to(at::kFloat);
  const at::Tensor value = project(layer.value, layer.value_bias, kv_heads);
  if (config_.query_key_norm) {
    query = norm(query, layer.query_norm);
    key = norm(key, layer.key_norm);
  }
  query = rotated(query, config_.rotary_pairs, turn).to(type_);
  key = rotated(key, config_.rotary_pairs, turn).to(type_);

  const std::int64_t window = config_.attention_kinds[layer.kind].window;
  std::vector<at::Tensor> contexts;
  for (std::size_t i = 0; i < packed.lengths.size(); ++i) {
    const std::int64_t length = packed.lengths[i];
    // [1, heads, length, size], key heads repeated for the query heads that share them.
    const auto take = [&](const at::Tensor& from) {
      const at::Tensor part = from.narrow(0, packed.begins[i], length).transpose(0, 1).unsqueeze(0);
      return from.size(1) == heads ? part : part.repeat_interleave(repeat, 1);
    };
    std::optional<at::Tensor> mask;
    if (window > 0 && window < length) mask = window_mask(length, window, type_);
    contexts.push_back(std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(
                                       take(query), take(key), take(value), 0.0,
                                       /*is_causal=*/!mask.has_value(), mask, config_.query_scale))
                           .squeeze(0)
                           .transpose(0, 1)
                           .reshape({length, heads * size}));
  }
  return layer.attention_output(at::cat(contexts));
}

// Shazeer 2020, arXiv:2002.05202, equation 6.
at::Tensor TrainableDecoder::feed_forward(const Layer& layer, const at::Tensor& x) const {
  const at::Tensor gate = layer.gate(x);
  const at::Tensor active =
      config_.activation == DecoderActivation::kSilu ? at::silu(gate) : at::gelu(gate, "tanh");
  return layer.down(active * layer.up(x));
}

at::Tensor TrainableDecoder::log_likelihoods(std::span<const ScoredSequence> sequences) const {
  std::vector<std::vector<TokenId>> whole;
  std::vector<std::int64_t> rows;     // that predict a token of an answer
  std::vector<std::int64_t> targets;  // those tokens
  std::int64_t begin = 0;
  for (const auto& [prompt, answer] : sequences) {
    TANDEM_CHECK(!prompt.empty() && !answer.empty());
    auto& tokens = whole.emplace_back(prompt.begin(), prompt.end());
    // The last token predicts nothing that is scored, so that it is not computed.
    tokens.insert(tokens.end(), answer.begin(), answer.end() - 1);
    for (std::size_t i = 0; i < answer.size(); ++i) {
      rows.push_back(begin + static_cast<std::int64_t>(prompt.size() - 1 + i));
      targets.push_back(answer[i]);
      if (answer[i] < 0 || answer[i] >= config_.vocabulary_size)
        throw Error(ErrorCode::kInvalidArgument,
                    fmt::format("token {} is not in the vocabulary of {}", answer[i],
                                config_.vocabulary_size));
    }
    begin += static_cast<std::int64_t>(tokens.size());
  }
  const PackedSequences packed = pack(whole, config_.vocabulary_size, config_.context_length);
  std::vector<at::Tensor> turns;
  for (const AttentionKind& kind : config_.attention_kinds)
    turns.push_back(rotations(kind, packed));

  at::Tensor x = at::embedding(embedding_, packed.tokens);
  if (config_.embedding_scale != 1) x = x * config_.embedding_scale;
  for (const Layer& layer : layers_) {
    const auto add = [&](const at::Tensor& change, const at::Tensor& after) {
      x = x + (config_.norm_after ? norm(change, after) : change);
    };
    add(attend(layer, norm(x, layer.attention_norm).to(type_), packed, turns[layer.kind]),
        layer.after_attention_norm);
    add(feed_forward(layer, norm(x, layer.feed_forward_norm).to(type_)),
        layer.after_feed_forward_norm);
  }
  const auto long_tensor = [](const std::vector<std::int64_t>& values) {
    return at::tensor(values, at::kLong);
  };
  const at::Tensor last = norm(at::index_select(x, 0, long_tensor(rows)), output_norm_);
  const at::Tensor logits = output_(last.to(type_)).to(at::kFloat);
  return at::log_softmax(logits, -1).gather(1, long_tensor(targets).unsqueeze(1)).squeeze(1);
}

}  // namespace tandem::training
