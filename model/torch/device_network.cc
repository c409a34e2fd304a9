#include "model/torch/device_network.h"

#include <fmt/format.h>

#include <limits>

#include "model/torch/tensor_rotation.h"

namespace tandem::device {
namespace {

// A number beyond the range of the cache's type becomes its largest.
at::Tensor to_cache_type(const at::Tensor& x, at::ScalarType type) {
  constexpr float kLargestHalf = 65504;
  return type == at::kHalf ? x.clamp(-kLargestHalf, kLargestHalf).to(type) : x.to(type);
}

}  // namespace

DeviceNetwork::DeviceNetwork(const WeightFile& weights, const DecoderConfig& config,
                             DeviceWeightFormat format, at::ScalarType type, at::Device device)
    : config_(config), type_(type), device_(device) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t vocabulary = config.vocabulary_size;
  for (int i = 0; i < config.layer_count; ++i) layers_.push_back(load_layer(weights, i, format));
  output_norm_ = load_norm(weights, "output_norm.weight", hidden);
  if (!config.tied_output)
    embedding_ = load_linear(weights, {{"token_embd.weight", vocabulary}}, hidden, format);
  const char* const output = config.tied_output ? "token_embd.weight" : "output.weight";
  output_ = load_linear(weights, {{output, vocabulary}}, hidden, format);
  for (const AttentionKind& kind : config.attention_kinds) {
    const auto count = static_cast<std::int64_t>(kind.frequencies.size());
    at::Tensor frequencies = at::empty({count}, at::kDouble);
    std::copy(kind.frequencies.begin(), kind.frequencies.end(),
              frequencies.mutable_data_ptr<double>());
    frequencies_.push_back(frequencies.to(device));
  }
}

at::Tensor DeviceNetwork::load_norm(const WeightFile& weights, const std::string& name,
                                    std::int64_t size) const {
  return load_tensor(weights, name, {size}).add_(config_.norm_weight_offset).to(device_);
}

DeviceLinear DeviceNetwork::load_linear(const WeightFile& weights,
                                        const std::vector<RowBlock>& blocks, std::int64_t columns,
                                        DeviceWeightFormat format) const {
  return {load_stacked(weights, blocks, columns), format, type_, device_};
}

DeviceNetwork::Layer DeviceNetwork::load_layer(const WeightFile& weights, int index,
                                               DeviceWeightFormat format) const {
  const std::string name = fmt::format("blk.{}.", index);
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t inner = config_.intermediate_size;
  const std::int64_t size = config_.head_size;
  const std::int64_t query = config_.head_count * size;
  const std::int64_t key = config_.kv_head_count * size;
  Layer layer;
  layer.kind = static_cast<std::size_t>(config_.layer_attention[static_cast<std::size_t>(index)]);
  layer.attention_norm = load_norm(weights, name + "attn_norm.weight", hidden);
  layer.query_key_value = load_linear(weights,
                                      {{name + "attn_q.weight", query},
                                       {name + "attn_k.weight", key},
                                       {name + "attn_v.weight", key}},
                                      hidden, format);
  if (config_.query_key_value_bias)
    layer.query_key_value_bias = at::cat({load_tensor(weights, name + "attn_q.bias", {query}),
                                          load_tensor(weights, name + "attn_k.bias", {key}),
                                          load_tensor(weights, name + "attn_v.bias", {key})})
                                     .to(device_);
  if (config_.query_key_norm)
    layer.query_key_norm = at::cat(
        {load_norm(weights, name + "attn_q_norm.weight", size).expand({config_.head_count, size}),
         load_norm(weights, name + "attn_k_norm.weight", size)
             .expand({config_.kv_head_count, size})});
  layer.attention_output =
      load_linear(weights, {{name + "attn_output.weight", hidden}}, query, format);
  layer.feed_forward_norm = load_norm(weights, name + "ffn_norm.weight", hidden);
  layer.gate_up =
      load_linear(weights, {{name + "ffn_gate.weight", inner}, {name + "ffn_up.weight", inner}},
                  hidden, format);
  layer.down = load_linear(weights, {{name + "ffn_down.weight", hidden}}, inner, format);
  if (config_.norm_after) {
    layer.after_attention_norm = load_norm(weights, name + "post_attention_norm.weight", hidden);
    layer.after_feed_forward_norm = load_norm(weights, name + "post_ffw_norm.weight", hidden);
  }
  return layer;
}

std::size_t DeviceNetwork::size_bytes() const {
  std::size_t bytes = output_.size_bytes();
  if (!config_.tied_output) bytes += embedding_.size_bytes();
  for (const Layer& layer : layers_)
    bytes += layer.query_key_value.size_bytes() + layer.attention_output.size_bytes() +
             layer.gate_up.size_bytes() + layer.down.size_bytes();
  return bytes;
}

// y = x / sqrt(mean(x^2) + epsilon) * weight, row by row (Zhang and Sennrich
// 2019, arXiv:1910.07467, equation 4).
at::Tensor DeviceNetwork::norm(const at::Tensor& x, const at::Tensor& weight) const {
  return at::rms_norm(x, {x.size(-1)}, weight, config_.norm_epsilon);
}

DeviceNetwork::KindState DeviceNetwork::prepare(const StepShape& shape, std::size_t kind,
                                                const PassInputs& inputs,
                                                at::ScalarType cache_type) const {
  const AttentionKind& attention = config_.attention_kinds[kind];
  KindState state;
  // In double precision: positions reach 10^5, where a float is off by a hundredth of a turn.
  const at::Tensor angles = inputs.positions.unsqueeze(1) * frequencies_[kind];
  state.turn = at::complex(at::cos(angles).mul_(attention.rotary_magnitude).to(at::kFloat),
                           at::sin(angles).mul_(attention.rotary_magnitude).to(at::kFloat))
                   .unsqueeze(1);
  if (shape.fresh) return state;
  state.table = inputs.kinds[kind].table;
  const std::int64_t positions =
      std::int64_t{blocks_within(shape, attention.window)} * kBlockPositions;
  const std::int64_t group = config_.head_count / config_.kv_head_count;
  const at::Tensor seen =
      inputs.kinds[kind].first.view({-1, 1, 1, 1}) +
      at::arange(positions, at::TensorOptions().dtype(at::kLong).device(device_));
  const at::Tensor from = inputs.positions.view({shape.sequences, 1, shape.tokens, 1});
  at::Tensor hidden = seen > from;
  if (attention.window > 0) hidden = hidden.logical_or_(seen <= from - attention.window);
  state.mask = at::zeros({shape.sequences, group, shape.tokens, positions},
                         at::TensorOptions().dtype(cache_type).device(device_))
                   .masked_fill_(hidden, -std::numeric_limits<float>::infinity())
                   .view({shape.sequences, 1, group * shape.tokens, positions});
  return state;
}

// `keys` and `values` are a layer of the cache, [blocks, 32, kv_heads, head_size].
//
// The heads that share a key head ("group" of them) are rows of one query, so that keys are read as
// they lie in the cache and never copied for each head.
at::Tensor DeviceNetwork::attend_to_cache(const StepShape& shape, const KindState& state,
                                          const at::Tensor& query, const at::Tensor& keys,
                                          const at::Tensor& values) const {
  const std::int64_t sequences = shape.sequences;
  const std::int64_t kv_heads = config_.kv_head_count;
  const std::int64_t group = config_.head_count / kv_heads;
  const std::int64_t size = config_.head_size;
  const std::int64_t tokens = shape.tokens;
  const auto gather = [&](const at::Tensor& cache) {
    return at::index_select(cache, 0, state.table)
        .view({sequences, -1, kv_heads, size})
        .transpose(1, 2);
  };
  const at::Tensor rows = query.view({sequences, tokens, kv_heads, group, size})
                              .permute({0, 2, 3, 1, 4})
                              .reshape({sequences, kv_heads, group * tokens, size});
  return at::scaled_dot_product_attention(
             rows, gather(keys), gather(values),
             state.mask.expand({sequences, kv_heads, group * tokens, state.mask.size(3)}), 0.0,
             /*is_causal=*/false, config_.query_scale)
      .view({sequences, kv_heads, group, tokens, size})
      .permute({0, 3, 1, 2, 4})
      .reshape({sequences * tokens, kv_heads * group * size});
}

// Without a mask: flash attention, where LibTorch has it (Dao 2023, arXiv:2307.08691).
at::Tensor DeviceNetwork::attend_to_itself(const StepShape& shape, const at::Tensor& query,
                                           const at::Tensor& key, const at::Tensor& value) const {
  const std::int64_t heads = config_.head_count;
  const std::int64_t size = config_.head_size;
  const auto spread = [&](const at::Tensor& x) {
    const std::int64_t kv_heads = config_.kv_head_count;
    return x.view({shape.sequences, shape.tokens, kv_heads, 1, size})
        .expand({shape.sequences, shape.tokens, kv_heads, heads / kv_heads, size})
        .reshape({shape.sequences, shape.tokens, heads, size})
        .transpose(1, 2);
  };
  return at::scaled_dot_product_attention(
             query.view({shape.sequences, shape.tokens, heads, size}).transpose(1, 2), spread(key),
             spread(value), {}, 0.0, /*is_causal=*/true, config_.query_scale)
      .transpose(1, 2)
      .reshape({shape.rows(), heads * size});
}

at::Tensor DeviceNetwork::attend(const Layer& layer, const StepShape& shape, const KindState& state,
                                 const at::Tensor& slots, const at::Tensor& x,
                                 const at::Tensor& keys, const at::Tensor& values) const {
  const std::int64_t heads = config_.head_count;
  const std::int64_t kv_heads = config_.kv_head_count;
  const std::int64_t size = config_.head_size;
  at::Tensor projected = layer.query_key_value(x).to(at::kFloat);
  if (layer.query_key_value_bias.defined()) projected.add_(layer.query_key_value_bias);
  const at::Tensor parts = projected.view({shape.rows(), heads + 2 * kv_heads, size});
  at::Tensor turned = parts.narrow(1, 0, heads + kv_heads);
  if (config_.query_key_norm)
    turned = at::rms_norm(turned, {size}, {}, config_.norm_epsilon).mul_(layer.query_key_norm);
  rotate(turned, config_.rotary_pairs, state.turn);

  const at::ScalarType cache_type = keys.scalar_type();
  const at::Tensor query = to_cache_type(turned.narrow(1, 0, heads), cache_type).contiguous();
  const at::Tensor key = to_cache_type(turned.narrow(1, heads, kv_heads), cache_type).contiguous();
  const at::Tensor value =
      to_cache_type(parts.narrow(1, heads + kv_heads, kv_heads), cache_type).contiguous();
  keys.view({-1, kv_heads, size}).index_copy_(0, slots, key);
  values.view({-1, kv_heads, size}).index_copy_(0, slots, value);
  const at::Tensor context = shape.fresh ? attend_to_itself(shape, query, key, value)
                                         : attend_to_cache(shape, state, query, keys, values);
  return layer.attention_output(context.to(type_));
}

// down(activation(gate(x)) * up(x)) (Shazeer 2020, arXiv:2002.05202, equation 6).
at::Tensor DeviceNetwork::feed_forward(const Layer& layer, const at::Tensor& x) const {
  const std::int64_t inner = config_.intermediate_size;
  const at::Tensor both = layer.gate_up(x);
  const at::Tensor gate = both.narrow(1, 0, inner);
  const at::Tensor activated =
      config_.activation == DecoderActivation::kGeluTanh ? at::gelu(gate, "tanh") : at::silu(gate);
  return layer.down(activated.mul(both.narrow(1, inner, inner)));
}

at::Tensor DeviceNetwork::run(const StepShape& shape, const PassInputs& inputs,
                              KvTensors& cache) const {
  std::vector<KindState> kinds;
  for (std::size_t i = 0; i < config_.attention_kinds.size(); ++i)
    kinds.push_back(prepare(shape, i, inputs, cache.type()));
  at::Tensor x = (config_.tied_output ? output_ : embedding_).take_rows(inputs.tokens);
  if (config_.embedding_scale != 1) x.mul_(config_.embedding_scale);
  const auto add = [&](const at::Tensor& change, const at::Tensor& weight) {
    x.add_(config_.norm_after ? norm(change.to(at::kFloat), weight) : change);
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    add(attend(layer, shape, kinds[layer.kind], inputs.slots,
               norm(x, layer.attention_norm).to(type_), cache.keys(i), cache.values(i)),
        layer.after_attention_norm);
    add(feed_forward(layer, norm(x, layer.feed_forward_norm).to(type_)),
        layer.after_feed_forward_norm);
  }
  if (shape.logits == 0) return {};
  const at::Tensor last = at::index_select(x, 0, inputs.logit_rows);
  return output_(norm(last, output_norm_).to(type_)).to(at::kFloat);
}

}  // namespace tandem::device
