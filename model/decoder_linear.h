// A linear layer of a decoder, without bias: many rows by LibTorch's matrix product on expanded
// weights, a single row by our own on the weights as they were stored (model/row_kernels.h).
#ifndef TANDEM_MODEL_DECODER_LINEAR_H_
#define TANDEM_MODEL_DECODER_LINEAR_H_

#include <vector>

#include "model/aten.h"
#include "model/row_kernels.h"
#include "model/tensors.h"
#include "model/weights.h"

namespace tandem {

// Immutable; safe from any thread.
class DecoderLinear {
 public:
  DecoderLinear() = default;
  // The matrices `blocks`, each [rows, columns], under one another. Throws as load_stacked does.
  DecoderLinear(const WeightFile& file, const std::vector<RowBlock>& blocks, std::int64_t columns);

  // [rows, in] to [rows, out].
  at::Tensor operator()(const at::Tensor& x) const;

  // [out, in], expanded.
  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor weight_;
  std::vector<BlockMatrix> stored_;  // empty where a type has no kernel
};

}  // namespace tandem

#endif  // TANDEM_MODEL_DECODER_LINEAR_H_
