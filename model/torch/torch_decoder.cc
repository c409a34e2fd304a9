#include "model/torch_decoder.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/torch/aten.h"
#include "model/torch/executors.h"
#include "model/torch/tensor_rotation.h"
#include "model/torch/tensors.h"
#include "model/torch/torch_threads.h"

namespace tandem {
namespace {

// Tensors of parts that a family lacks stay undefined.
struct Layer {
  std::size_t attention_kind = 0;
  at::Tensor attention_norm;   // [hidden]
  at::Tensor query_key_value;  // [(heads + 2 kv_heads) * head_size, hidden]
  at::Tensor query_key_value_bias;
  at::Tensor query_norm;  // [head_size]
  at::Tensor key_norm;
  at::Tensor attention_output;  // [hidden, heads * head_size]
  at::Tensor after_attention_norm;
  at::Tensor feed_forward_norm;
  at::Tensor gate_up;  // [2 * intermediate, hidden]
  at::Tensor down;     // [hidden, intermediate]
  at::Tensor after_feed_forward_norm;
};

at::Tensor load_norm(const DecoderWeights& weights, const std::string& name, std::int64_t size) {
  return load_tensor(weights, name, {size}).add_(weights.config().norm_weight_offset);
}

Layer load_layer(const DecoderWeights& weights, int index) {
  const DecoderConfig& config = weights.config();
  const std::string name = fmt::format("blk.{}.", index);
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  const std::int64_t query = std::int64_t{config.head_count} * config.head_size;
  const std::int64_t key = std::int64_t{config.kv_head_count} * config.head_size;
  Layer layer;
  layer.attention_kind =
      static_cast<std::size_t>(config.layer_attention.at(static_cast<std::size_t>(index)));
  layer.attention_norm = load_norm(weights, name + "attn_norm.weight", hidden);
  layer.query_key_value = load_stacked(weights,
                                       {{name + "attn_q.weight", query},
                                        {name + "attn_k.weight", key},
                                        {name + "attn_v.weight", key}},
                                       hidden);
  if (config.query_key_value_bias)
    layer.query_key_value_bias = at::cat({load_tensor(weights, name + "attn_q.bias", {query}),
                                          load_tensor(weights, name + "attn_k.bias", {key}),
                                          load_tensor(weights, name + "attn_v.bias", {key})});
  if (config.query_key_norm) {
    layer.query_norm = load_norm(weights, name + "attn_q_norm.weight", config.head_size);
    layer.key_norm = load_norm(weights, name + "attn_k_norm.weight", config.head_size);
  }
  layer.attention_output = load_stacked(weights, {{name + "attn_output.weight", hidden}}, query);
  layer.feed_forward_norm = load_norm(weights, name + "ffn_norm.weight", hidden);
  layer.gate_up = load_stacked(
      weights, {{name + "ffn_gate.weight", inner}, {name + "ffn_up.weight", inner}}, hidden);
  layer.down = load_stacked(weights, {{name + "ffn_down.weight", hidden}}, inner);
  if (config.norm_after) {
    layer.after_attention_norm = load_norm(weights, name + "post_attention_norm.weight", hidden);
    layer.after_feed_forward_norm = load_norm(weights, name + "post_ffw_norm.weight", hidden);
  }
  return layer;
}

// y = x / sqrt(mean(x^2) + epsilon) * weight, row by row (Zhang and Sennrich
// 2019, arXiv:1910.07467, equation 4). LibTorch's own is a chain of seven operators on the CPU,
// which at one row costs more than the arithmetic.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, float epsilon) {
  constexpr std::int64_t kRowsPerTask = 32;
  TANDEM_CHECK(x.is_contiguous());
  const std::int64_t columns = x.size(1);
  at::Tensor out = at::empty_like(x);
  const float* in = x.const_data_ptr<float>();
  const float* scale = weight.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, x.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* from = in + row * columns;
      float* result = to + row * columns;
      double squares = 0;
      for (std::int64_t i = 0; i < columns; ++i) squares += double{from[i]} * double{from[i]};
      const auto mean = static_cast<float>(squares / static_cast<double>(columns));
      const float factor = 1.0f / std::sqrt(mean + epsilon);
      for (std::int64_t i = 0; i < columns; ++i) result[i] = from[i] * factor * scale[i];
    }
  });
  return out;
}

// The same for every head of `heads` [rows, heads, head_size], in place.
void norm_heads(const at::Tensor& heads, const at::Tensor& weight, float epsilon) {
  const at::Tensor rows = heads.contiguous().view({-1, heads.size(2)});
  heads.copy_(rms_norm(rows, weight, epsilon).view(heads.sizes()));
}

// What a step needs to know of a kind of attention.
struct Reach {
  at::Tensor turn;                 // [rows, 1, rotary_size / 2], complex
  std::int64_t first = 0;          // the first position that any row sees
  std::optional<at::Tensor> mask;  // [1, 1, rows, positions - first]; causal where absent
};

// e^(i * position * frequency) for every position and pair, times the magnitude.
at::Tensor rotations(const AttentionKind& kind, int first_position, std::int64_t count) {
  const auto pairs = static_cast<std::int64_t>(kind.frequencies.size());
  at::Tensor turn = at::empty({count, 1, pairs}, at::kComplexFloat);
  auto* out = reinterpret_cast<std::complex<float>*>(turn.mutable_data_ptr<c10::complex<float>>());
  const double magnitude = kind.rotary_magnitude;
  for (std::int64_t row = 0; row < count; ++row)
    for (const double frequency : kind.frequencies)
      *out++ = std::complex<float>(
          std::polar(magnitude, static_cast<double>(first_position + row) * frequency));
  return turn;
}

// Of `rows` new positions after `past` earlier ones.
Reach reach_of(const AttentionKind& kind, int past, std::int64_t rows,
               std::span<const PositionRange> passages) {
  Reach reach;
  reach.turn = rotations(kind, past, rows);
  const std::int64_t window = kind.window > 0 ? kind.window : past + rows;
  reach.first = std::max<std::int64_t>(0, past + 1 - window);
  // One row sees all that is left. LibTorch's own causal mask is that of a square: with earlier
  // positions in the cache, row i would see columns 0 to i instead of 0 to past + i.
  if (passages.empty() && (rows == 1 || (past == 0 && window >= rows))) return reach;
  const std::int64_t last = past - reach.first;  // the column that is row 0 itself
  const at::Tensor hidden = at::full({1, 1, rows, past + rows - reach.first},
                                     -std::numeric_limits<float>::infinity(), at::kFloat);
  at::Tensor mask = hidden.triu(last + 1).add_(hidden.tril(last - window));
  for (const PositionRange& passage : passages) {
    const std::int64_t begin = std::max<std::int64_t>(passage.begin - past, 0);
    const std::int64_t end = std::min<std::int64_t>(passage.end - past, rows);
    const std::int64_t before = passage.begin - reach.first;
    if (begin < end && before > 0)
      mask.narrow(2, begin, end - begin)
          .narrow(3, 0, before)
          .fill_(-std::numeric_limits<float>::infinity());
  }
  reach.mask = mask;
  return reach;
}

class Cache final : public TorchDecoderCache {
 public:
  // Both [layers, kv_heads, capacity, head_size]; `owner` is the decoder they are of.
  Cache(const TorchDecoder& owner, const at::Tensor& keys, const at::Tensor& values)
      : owner_(&owner), keys_(keys), values_(values) {}

  int length() const override { return length_; }
  void truncate(int length) override {
    TANDEM_CHECK(length >= 0 && length <= length_);
    length_ = length;
  }

  bool is_of(const TorchDecoder& decoder) const { return owner_ == &decoder; }
  int capacity() const { return static_cast<int>(keys_.size(2)); }
  void advance(int count) { length_ += count; }
  // The first `positions` of a layer: [kv_heads, positions, head_size].
  at::Tensor keys(std::int64_t layer, std::int64_t positions) const {
    return keys_.select(0, layer).narrow(1, 0, positions);
  }
  at::Tensor values(std::int64_t layer, std::int64_t positions) const {
    return values_.select(0, layer).narrow(1, 0, positions);
  }

 private:
  const TorchDecoder* owner_;
  at::Tensor keys_;
  at::Tensor values_;
  int length_ = 0;
};

class Decoder final : public TorchDecoder {
 public:
  explicit Decoder(const DecoderWeights& weights);

  const DecoderConfig& config() const override { return config_; }
  std::unique_ptr<TorchDecoderCache> make_cache(int capacity) const override;
  void forward(std::span<const TokenId> tokens, TorchDecoderCache& cache, std::span<float> logits,
               std::span<const PositionRange> passages) const override;

 private:
  at::Tensor embed(std::span<const TokenId> tokens) const;
  at::Tensor attend(const Layer& layer, const at::Tensor& x, const Reach& reach, at::Tensor keys,
                    at::Tensor values) const;
  at::Tensor feed_forward(const Layer& layer, const at::Tensor& x) const;

  DecoderConfig config_;
  at::Tensor embedding_;  // [vocabulary, hidden]
  std::vector<Layer> layers_;
  at::Tensor output_norm_;
  at::Tensor output_;  // [vocabulary, hidden]; the embedding where they are tied
};

at::Tensor Decoder::embed(std::span<const TokenId> tokens) const {
  at::Tensor ids = at::empty({static_cast<std::int64_t>(tokens.size())}, at::kInt);
  int* id = ids.mutable_data_ptr<int>();
  for (const TokenId token : tokens) {
    if (token < 0 || token >= config_.vocabulary_size)
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("token {} is not in the vocabulary of {}", token, config_.vocabulary_size));
    *id++ = token;
  }
  at::Tensor x = at::index_select(embedding_, 0, ids);
  return config_.embedding_scale == 1 ? x : x.mul_(config_.embedding_scale);
}

// `keys` and `values` are [kv_heads, positions, head_size], where the last x.size(0) positions are
// those of `x` and are filled in here.
//
// The heads that share a key head ("repeat" of them) form one group, so that keys are read as they
// lie in the cache and never copied for each head.
at::Tensor Decoder::attend(const Layer& layer, const at::Tensor& x, const Reach& reach,
                           at::Tensor keys, at::Tensor values) const {
  const std::int64_t rows = x.size(0);
  const std::int64_t heads = config_.head_count;
  const std::int64_t kv_heads = config_.kv_head_count;
  const std::int64_t repeat = heads / kv_heads;
  const std::int64_t size = config_.head_size;
  at::Tensor projected = at::linear(x, layer.query_key_value);
  if (layer.query_key_value_bias.defined()) projected.add_(layer.query_key_value_bias);
  const at::Tensor parts = projected.view({rows, heads + 2 * kv_heads, size});
  if (config_.query_key_norm) {
    norm_heads(parts.narrow(1, 0, heads), layer.query_norm, config_.norm_epsilon);
    norm_heads(parts.narrow(1, heads, kv_heads), layer.key_norm, config_.norm_epsilon);
  }
  rotate(parts.narrow(1, 0, heads + kv_heads), config_.rotary_pairs, reach.turn);

  const std::int64_t past = keys.size(1) - rows;
  keys.narrow(1, past, rows).copy_(parts.narrow(1, heads, kv_heads).transpose(0, 1));
  values.narrow(1, past, rows).copy_(parts.narrow(1, heads + kv_heads, kv_heads).transpose(0, 1));

  const std::int64_t positions = keys.size(1) - reach.first;
  keys = keys.narrow(1, reach.first, positions);
  values = values.narrow(1, reach.first, positions);
  const at::Tensor query = parts.narrow(1, 0, heads).view({rows, kv_heads, repeat, size});
  const at::Tensor context = std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(
      query.permute({1, 2, 0, 3}), keys.unsqueeze(1).expand({kv_heads, repeat, positions, size}),
      values.unsqueeze(1).expand({kv_heads, repeat, positions, size}), 0.0,
      /*is_causal=*/!reach.mask.has_value() && rows > 1, reach.mask, config_.query_scale));
  return at::linear(context.permute({2, 0, 1, 3}).reshape({rows, heads * size}),
                    layer.attention_output);
}

// down(activation(gate(x)) * up(x)) (Shazeer 2020, arXiv:2002.05202, equation 6).
at::Tensor Decoder::feed_forward(const Layer& layer, const at::Tensor& x) const {
  const std::int64_t inner = config_.intermediate_size;
  const at::Tensor both = at::linear(x, layer.gate_up);
  at::Tensor gate = both.narrow(1, 0, inner);
  if (config_.activation == DecoderActivation::kGeluTanh)
    at::gelu_(gate, "tanh");
  else
    at::silu_(gate);
  gate.mul_(both.narrow(1, inner, inner));
  return at::linear(gate, layer.down);
}

Decoder::Decoder(const DecoderWeights& weights) : config_(weights.config()) {
  const c10::InferenceMode inference;
  apply_torch_threads();
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t vocabulary = config_.vocabulary_size;
  for (int i = 0; i < config_.layer_count; ++i) layers_.push_back(load_layer(weights, i));
  output_norm_ = load_norm(weights, "output_norm.weight", hidden);
  const char* const output = config_.tied_output ? "token_embd.weight" : "output.weight";
  output_ = load_stacked(weights, {{output, vocabulary}}, hidden);
  embedding_ = config_.tied_output
                   ? output_
                   : load_tensor(weights, "token_embd.weight", {vocabulary, hidden});
}

std::unique_ptr<TorchDecoderCache> Decoder::make_cache(int capacity) const {
  TANDEM_CHECK(capacity > 0);
  if (capacity > config_.context_length)
    throw Error(ErrorCode::kTooLarge,
                fmt::format("{} positions are more than the model's context of {}", capacity,
                            config_.context_length));
  const c10::InferenceMode inference;
  const std::array<std::int64_t, 4> shape = {config_.layer_count, config_.kv_head_count, capacity,
                                             config_.head_size};
  try {
    return std::make_unique<Cache>(*this, at::empty(shape, at::kFloat),
                                   at::empty(shape, at::kFloat));
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("no memory for a context of {} tokens", capacity),
                "ask for fewer tokens, or free memory on this machine");
  }
}

void Decoder::forward(std::span<const TokenId> tokens, TorchDecoderCache& cache,
                      std::span<float> logits, std::span<const PositionRange> passages) const {
  Cache& past = static_cast<Cache&>(cache);
  TANDEM_CHECK(past.is_of(*this));
  TANDEM_CHECK(logits.empty() ||
               logits.size() == static_cast<std::size_t>(config_.vocabulary_size));
  if (tokens.size() > static_cast<std::size_t>(past.capacity() - past.length()))
    throw Error(ErrorCode::kTooLarge, fmt::format("{} tokens after {} do not fit a cache of {}",
                                                  tokens.size(), past.length(), past.capacity()));
  if (tokens.empty()) {
    TANDEM_CHECK(logits.empty());
    return;
  }
  const c10::InferenceMode inference;
  apply_torch_threads();

  const auto rows = static_cast<std::int64_t>(tokens.size());
  const std::int64_t positions = past.length() + rows;
  at::Tensor x = embed(tokens);
  std::vector<Reach> reaches;
  for (const AttentionKind& kind : config_.attention_kinds)
    reaches.push_back(reach_of(kind, past.length(), rows, passages));

  const float epsilon = config_.norm_epsilon;
  const auto add = [&](const at::Tensor& change, const at::Tensor& norm) {
    x.add_(config_.norm_after ? rms_norm(change, norm, epsilon) : change);
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const auto index = static_cast<std::int64_t>(i);
    add(attend(layer, rms_norm(x, layer.attention_norm, epsilon), reaches[layer.attention_kind],
               past.keys(index, positions), past.values(index, positions)),
        layer.after_attention_norm);
    add(feed_forward(layer, rms_norm(x, layer.feed_forward_norm, epsilon)),
        layer.after_feed_forward_norm);
  }
  past.advance(static_cast<int>(rows));
  if (logits.empty()) return;

  const at::Tensor last = rms_norm(x.narrow(0, rows - 1, 1), output_norm_, epsilon);
  at::from_blob(logits.data(), {1, config_.vocabulary_size}, at::kFloat)
      .copy_(at::linear(last, output_));
}

}  // namespace

std::unique_ptr<TorchDecoder> torch_executors::load_decoder(const DecoderWeights& weights) {
  return std::make_unique<Decoder>(weights);
}

}  // namespace tandem
