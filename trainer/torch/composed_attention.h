// packed_attention() (fused_functions.h) composed of LibTorch's operations: for the types and
// processors that the former is not for, and what it is tested against.
#ifndef TANDEM_TRAINER_TORCH_COMPOSED_ATTENTION_H_
#define TANDEM_TRAINER_TORCH_COMPOSED_ATTENTION_H_

#include "trainer/torch/fused_functions.h"

namespace tandem::training {

// In float or bfloat16.
at::Tensor composed_attention(const at::Tensor& query_key_value, const PackedSequences& packed,
                              const PackedAttention& attention);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_COMPOSED_ATTENTION_H_
