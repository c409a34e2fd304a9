// Rotary position embedding (model/rotary.h) of LibTorch's tensors, wherever they are.
#ifndef TANDEM_MODEL_TORCH_TENSOR_ROTATION_H_
#define TANDEM_MODEL_TORCH_TENSOR_ROTATION_H_

#include "model/decoder_config.h"
#include "model/torch/aten.h"

namespace tandem {

// Turns the pairs of `heads` [rows, heads, head_size], float, in place (Su et al. 2021,
// arXiv:2104.09864, equation 13). `turn` [rows or 1, 1, rotary_size / 2] are complex numbers.
void rotate(const at::Tensor& heads, RotaryPairs pairs, const at::Tensor& turn);

}  // namespace tandem

#endif  // TANDEM_MODEL_TORCH_TENSOR_ROTATION_H_
