// Parts of a network between its matrix products as one operation each, with a gradient written by
// hand: composed of LibTorch's own, they took twice the time of the products. Sums do not depend on
// the number of threads.
#ifndef TANDEM_TRAINER_TORCH_FUSED_FUNCTIONS_H_
#define TANDEM_TRAINER_TORCH_FUSED_FUNCTIONS_H_

#include <functional>
#include <utility>

#include "model/decoder_config.h"
#include "trainer/torch/aten.h"
#include "trainer/torch/packed_sequences.h"

namespace tandem::training {

// x + change, and that divided by the root of its rows' mean square and multiplied by `factor`
// (Zhang and Sennrich 2019, arXiv:1910.07467, equation 4), in `type`. `x` [rows, width] is float,
// `change` of the same shape and of `type`, or undefined: then `x` itself comes back.
std::pair<at::Tensor, at::Tensor> add_norm(const at::Tensor& x, const at::Tensor& change,
                                           const at::Tensor& factor, double epsilon,
                                           at::ScalarType type);

// activation(gate) * up, of gate and up side by side: [rows, 2 * width] to [rows, width].
at::Tensor gated(const at::Tensor& gate_up, DecoderActivation activation);

// What attention does but for the tensors.
struct PackedAttention {
  std::int64_t heads = 0, kv_heads = 0, size = 0;
  double scale = 1;  // of products of queries and keys
  bool causal = false;
  std::int64_t window = 0;  // of a query, its own position included; 0: all
  RotaryPairs pairs = RotaryPairs::kHalves;
  at::Tensor cosines, sines;  // [positions, pairs], float; undefined: nothing is turned
};

// Whether packed_attention() can be called here.
bool has_packed_attention(at::ScalarType type);

// Attention within each sequence of `packed`, of [rows, (heads + 2 * kv_heads) * size] in bfloat16:
// queries, keys and values side by side. Returns [rows, heads * size].
at::Tensor packed_attention(const at::Tensor& query_key_value, const PackedSequences& packed,
                            const PackedAttention& attention);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_FUSED_FUNCTIONS_H_
