#include "trainer/torch/trainable_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "trainer/torch/composed_attention.h"
#include "trainer/torch/fused_functions.h"

namespace tandem::training {
namespace {

// By the angles position * frequency, times the magnitude.
TrainableDecoder::Turns turns_of(const AttentionKind& kind, const PackedSequences& packed) {
  const std::int64_t positions = *std::max_element(packed.lengths.begin(), packed.lengths.end());
  const auto pairs = static_cast<std::int64_t>(kind.frequencies.size());
  TrainableDecoder::Turns turns = {at::empty({positions, pairs}, at::kFloat),
                                   at::empty({positions, pairs}, at::kFloat)};
  auto* cosine = turns.cosines.mutable_data_ptr<float>();
  auto* sine = turns.sines.mutable_data_ptr<float>();
  const double magnitude = kind.rotary_magnitude;
  for (std::int64_t position = 0; position < positions; ++position)
    for (const double frequency : kind.frequencies) {
      const double angle = static_cast<double>(position) * frequency;
      *cosine++ = static_cast<float>(magnitude * std::cos(angle));
      *sine++ = static_cast<float>(magnitude * std::sin(angle));
    }
  return turns;
}

}  // namespace

TrainableDecoder::TrainableDecoder(const DecoderWeights& weights, const NetworkOptions& options,
                                   std::uint64_t seed, at::ScalarType type, bool recomputes)
    : config_(weights.config()),
      type_(type),
      recomputes_(recomputes),
      parameters_(weights, "", options, seed) {
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

std::pair<at::Tensor, at::Tensor> TrainableDecoder::add_norm(const at::Tensor& x,
                                                             const at::Tensor& change,
                                                             const at::Tensor& weight,
                                                             at::ScalarType type) const {
  const at::Tensor factor =
      config_.norm_weight_offset == 0 ? weight : weight + config_.norm_weight_offset;
  return training::add_norm(x, change, factor, static_cast<double>(config_.norm_epsilon), type);
}

at::Tensor TrainableDecoder::norm_after(const at::Tensor& change, const at::Tensor& weight) const {
  return config_.norm_after ? add_norm(change.to(at::kFloat), {}, weight, type_).second : change;
}

at::Tensor TrainableDecoder::attend(const Layer& layer, const at::Tensor& x,
                                    const PackedSequences& packed, const Turns& turns) const {
  const std::int64_t rows = packed.rows();
  const std::int64_t size = config_.head_size;
  const std::int64_t query = config_.head_count * size;
  const std::int64_t key = config_.kv_head_count * size;
  const bool fused = has_packed_attention(type_);
  const Matrix matrices[] = {layer.query, layer.key, layer.value};
  const at::Tensor biases[] = {layer.query_bias, layer.key_bias, layer.value_bias};
  at::Tensor all = side_by_side(matrices, biases, x);
  if (config_.query_key_norm) {
    const auto normed = [&](std::int64_t begin, std::int64_t width, const at::Tensor& weight) {
      const at::Tensor heads = all.narrow(1, begin, width).reshape({-1, size}).to(at::kFloat);
      return add_norm(heads, {}, weight, type_).second.view({rows, width});
    };
    all = at::cat({normed(0, query, layer.query_norm), normed(query, key, layer.key_norm),
                   all.narrow(1, query + key, key)},
                  1);
  }
  const AttentionKind& kind = config_.attention_kinds[layer.kind];
  const PackedAttention attention = {config_.head_count,   config_.kv_head_count, size,
                                     config_.query_scale,  /*causal=*/true,       kind.window,
                                     config_.rotary_pairs, turns.cosines,         turns.sines};
  return layer.attention_output(fused ? packed_attention(all, packed, attention)
                                      : composed_attention(all, packed, attention));
}

// Shazeer 2020, arXiv:2002.05202, equation 6.
at::Tensor TrainableDecoder::feed_forward(const Layer& layer, const at::Tensor& x) const {
  const Matrix matrices[] = {layer.gate, layer.up};
  return layer.down(gated(side_by_side(matrices, {}, x), config_.activation));
}

LayerState TrainableDecoder::apply(const Layer& layer, const LayerState& state,
                                   const PackedSequences& packed, const Turns& turns) const {
  const auto [x, normed] = add_norm(state.first, state.second, layer.attention_norm, type_);
  const at::Tensor attended =
      norm_after(attend(layer, normed, packed, turns), layer.after_attention_norm);
  const auto [next, next_normed] = add_norm(x, attended, layer.feed_forward_norm, type_);
  return {next, norm_after(feed_forward(layer, next_normed), layer.after_feed_forward_norm)};
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
  std::vector<Turns> turns;
  for (const AttentionKind& kind : config_.attention_kinds) turns.push_back(turns_of(kind, packed));

  at::Tensor x = at::embedding(embedding_, packed.tokens);
  if (config_.embedding_scale != 1) x = x * config_.embedding_scale;
  // The gradient of a layer's weights is computed where that of its input is.
  if (recomputes_ && at::GradMode::is_enabled() && !x.requires_grad() &&
      !parameters_.learned().empty())
    x.requires_grad_();
  LayerState state = {x, {}};
  for (const Layer& layer : layers_) {
    // Called after this function's return as well.
    const auto compute = [&layer, packed, turns = turns[layer.kind], this](const LayerState& from) {
      return apply(layer, from, packed, turns);
    };
    state = recomputes_ && x.requires_grad() ? recomputed(compute, state) : compute(state);
  }
  const auto long_tensor = [](const std::vector<std::int64_t>& values) {
    return at::tensor(values, at::kLong);
  };
  const at::Tensor scored = long_tensor(rows);
  const at::Tensor last = add_norm(at::index_select(state.first, 0, scored),
                                   at::index_select(state.second, 0, scored), output_norm_, type_)
                              .second;
  const at::Tensor logits = output_(last).to(at::kFloat);
  return at::log_softmax(logits, -1).gather(1, long_tensor(targets).unsqueeze(1)).squeeze(1);
}

}  // namespace tandem::training
