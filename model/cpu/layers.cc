#include "model/cpu/layers.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"

namespace tandem::cpu {
namespace {

class Loader {
 public:
  Loader(const WeightFile& weights, const DecoderConfig& config)
      : weights_(weights), config_(config) {}

  Layers load() {
    const auto hidden = static_cast<std::size_t>(config_.hidden_size);
    const auto vocabulary = static_cast<std::size_t>(config_.vocabulary_size);
    for (int i = 0; i < config_.layer_count; ++i) layers_.layers.push_back(layer(i));
    layers_.output_norm = norm("output_norm.weight", hidden);
    if (!config_.tied_output) layers_.embedding = matrix("token_embd.weight", vocabulary, hidden);
    layers_.output = Linear(
        matrix(config_.tied_output ? "token_embd.weight" : "output.weight", vocabulary, hidden));
    return std::move(layers_);
  }

 private:
  Layer layer(int index);
  Matrix matrix(const std::string& name, std::size_t rows, std::size_t columns);
  std::vector<float> vector(const std::string& name, std::size_t size) const;
  std::vector<float> norm(const std::string& name, std::size_t size) const;

  const WeightFile& weights_;
  const DecoderConfig& config_;
  Layers layers_;
};

Matrix Loader::matrix(const std::string& name, std::size_t rows, std::size_t columns) {
  const std::int64_t shape[] = {static_cast<std::int64_t>(rows),
                                static_cast<std::int64_t>(columns)};
  Matrix matrix(weights_.require(name, shape), layers_.arena);
  layers_.forms.add(matrix);
  return matrix;
}

std::vector<float> Loader::vector(const std::string& name, std::size_t size) const {
  const std::int64_t shape[] = {static_cast<std::int64_t>(size)};
  std::vector<float> values(size);
  dequantize(weights_.require(name, shape), values);
  for (const float value : values) {
    if (!std::isfinite(value))
      throw Error(ErrorCode::kCorrupt,
                  fmt::format("{}: tensor {} holds a value that is not finite",
                              weights_.path().string(), name),
                  "fetch the model again");
  }
  return values;
}

std::vector<float> Loader::norm(const std::string& name, std::size_t size) const {
  std::vector<float> values = vector(name, size);
  for (float& value : values) value += config_.norm_weight_offset;
  return values;
}

Layer Loader::layer(int index) {
  const std::string name = fmt::format("blk.{}.", index);
  const auto hidden = static_cast<std::size_t>(config_.hidden_size);
  const auto inner = static_cast<std::size_t>(config_.intermediate_size);
  const auto head_size = static_cast<std::size_t>(config_.head_size);
  const std::size_t query = static_cast<std::size_t>(config_.head_count) * head_size;
  const std::size_t key = static_cast<std::size_t>(config_.kv_head_count) * head_size;
  Layer layer;
  layer.attention_norm = norm(name + "attn_norm.weight", hidden);
  layer.query_key_value.add(matrix(name + "attn_q.weight", query, hidden));
  layer.query_key_value.add(matrix(name + "attn_k.weight", key, hidden));
  layer.query_key_value.add(matrix(name + "attn_v.weight", key, hidden));
  if (config_.query_key_value_bias) {
    for (const auto& [part, size] :
         {std::pair{"attn_q.bias", query}, {"attn_k.bias", key}, {"attn_v.bias", key}}) {
      const std::vector<float> bias = vector(name + part, size);
      layer.query_key_value_bias.insert(layer.query_key_value_bias.end(), bias.begin(), bias.end());
    }
  }
  if (config_.query_key_norm) {
    layer.query_norm = norm(name + "attn_q_norm.weight", head_size);
    layer.key_norm = norm(name + "attn_k_norm.weight", head_size);
  }
  layer.attention_output = Linear(matrix(name + "attn_output.weight", hidden, query));
  layer.feed_forward_norm = norm(name + "ffn_norm.weight", hidden);
  layer.gate = matrix(name + "ffn_gate.weight", inner, hidden);
  layer.up = matrix(name + "ffn_up.weight", inner, hidden);
  layer.down = Linear(matrix(name + "ffn_down.weight", hidden, inner));
  if (config_.norm_after) {
    layer.after_attention_norm = norm(name + "post_attention_norm.weight", hidden);
    layer.after_feed_forward_norm = norm(name + "post_ffw_norm.weight", hidden);
  }
  layer.attention_index =
      static_cast<std::size_t>(config_.layer_attention[static_cast<std::size_t>(index)]);
  return layer;
}

}  // namespace

Layers load_layers(const WeightFile& weights, const DecoderConfig& config) {
  return Loader(weights, config).load();
}

}  // namespace tandem::cpu
