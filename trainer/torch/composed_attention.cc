#include "trainer/torch/composed_attention.h"

#include <limits>
#include <optional>
#include <vector>

namespace tandem::training {
namespace {

// `heads` [rows, heads, size] turned by angles of `cosines` and `sines` [rows, 1, pairs], in float.
at::Tensor turned(const at::Tensor& heads, RotaryPairs pairs, const at::Tensor& cosines,
                  const at::Tensor& sines) {
  const std::int64_t count = cosines.size(2);
  const at::Tensor numbers = heads.narrow(2, 0, 2 * count).to(at::kFloat);
  const at::Tensor rest = heads.narrow(2, 2 * count, heads.size(2) - 2 * count);
  const bool neighbours = pairs == RotaryPairs::kNeighbours;
  // [rows, heads, pairs, 2] or [rows, heads, 2, pairs].
  const std::int64_t dimension = neighbours ? 3 : 2;
  const at::Tensor parts =
      numbers.unflatten(2, neighbours ? at::IntArrayRef{count, 2} : at::IntArrayRef{2, count});
  const at::Tensor a = parts.select(dimension, 0);
  const at::Tensor b = parts.select(dimension, 1);
  const at::Tensor both =
      at::stack({a * cosines - b * sines, a * sines + b * cosines}, dimension).flatten(2);
  return at::cat({both, rest.to(at::kFloat)}, 2).to(heads.scalar_type());
}

// What a position may not see where a window is narrower than the sequence: [length, length].
at::Tensor window_mask(std::int64_t length, std::int64_t window, at::ScalarType type) {
  const at::Tensor hidden = at::full({length, length}, -std::numeric_limits<float>::infinity());
  return (hidden.triu(1) + hidden.tril(-window)).to(type);
}

}  // namespace

at::Tensor composed_attention(const at::Tensor& query_key_value, const PackedSequences& packed,
                              const PackedAttention& attention) {
  const std::int64_t heads = attention.heads, kv_heads = attention.kv_heads, size = attention.size;
  // The gradient of a part is a whole tensor, mostly zeros; that of all parts at once is their own.
  const auto parts = at::split_with_sizes(query_key_value.unflatten(1, {-1, size}),
                                          {heads, kv_heads, kv_heads}, 1);
  at::Tensor query = parts[0];
  at::Tensor key = parts[1];
  if (attention.cosines.defined()) {
    const at::Tensor cosines =
        at::index_select(attention.cosines, 0, packed.positions).unsqueeze(1);
    const at::Tensor sines = at::index_select(attention.sines, 0, packed.positions).unsqueeze(1);
    query = turned(query, attention.pairs, cosines, sines);
    key = turned(key, attention.pairs, cosines, sines);
  }
  const auto queries = at::split_with_sizes(query, packed.lengths);
  const auto keys = at::split_with_sizes(key, packed.lengths);
  const auto values = at::split_with_sizes(parts[2], packed.lengths);
  // [1, heads, length, size], key heads repeated for the query heads that share them.
  const auto all_heads = [&](const at::Tensor& rows) {
    const at::Tensor part = rows.transpose(0, 1).unsqueeze(0);
    return rows.size(1) == heads ? part : part.repeat_interleave(heads / kv_heads, 1);
  };
  std::vector<at::Tensor> contexts;
  for (std::size_t i = 0; i < packed.lengths.size(); ++i) {
    const std::int64_t length = packed.lengths[i];
    std::optional<at::Tensor> mask;
    if (attention.window > 0 && attention.window < length)
      mask = window_mask(length, attention.window, query.scalar_type());
    contexts.push_back(
        std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(
                        all_heads(queries[i]), all_heads(keys[i]), all_heads(values[i]), 0.0,
                        attention.causal && !mask.has_value(), mask, attention.scale))
            .squeeze(0)
            .transpose(0, 1)
            .reshape({length, heads * size}));
  }
  return at::cat(contexts);
}

}  // namespace tandem::training
