// Tensors of a weight file as tensors of LibTorch.
#ifndef TANDEM_MODEL_TORCH_TENSORS_H_
#define TANDEM_MODEL_TORCH_TENSORS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "model/torch/aten.h"
#include "model/weights.h"

namespace tandem {

// The tensor `name`, which must have the given shape, as a float tensor of its own memory.
// Quantised types are expanded by all compute threads. Throws kCorrupt naming the tensor if it is
// missing, misshapen, or holds a value that is not finite: one NaN would turn every answer into
// noise without any error.
at::Tensor load_tensor(const WeightFile& file, std::string_view name,
                       std::initializer_list<std::int64_t> shape);

struct RowBlock {
  std::string name;
  std::int64_t rows = 0;
};

// Matrices [rows, columns] under one another, for layers that read the same input and are computed
// as one. All shapes are checked before any memory is taken.
at::Tensor load_stacked(const WeightFile& file, const std::vector<RowBlock>& blocks,
                        std::int64_t columns);

}  // namespace tandem

#endif  // TANDEM_MODEL_TORCH_TENSORS_H_
