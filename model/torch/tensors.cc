#include "model/torch/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <string>

#include "base/error.h"
#include "model/finite.h"

namespace tandem {
namespace {

// Rows expanded by one task; a task should take about a millisecond.
constexpr std::int64_t kElementsPerTask = 1 << 18;

// The rows [first, first + count) of a tensor as a tensor of their own. Every row of a quantised
// tensor is a whole number of blocks, so rows can be cut without touching their content.
TensorView row_slice(const TensorView& tensor, std::int64_t first, std::int64_t count) {
  const auto row_bytes = tensor.data.size() / static_cast<std::size_t>(tensor.shape[0]);
  TensorView slice = tensor;
  slice.shape[0] = count;
  slice.data = tensor.data.subspan(static_cast<std::size_t>(first) * row_bytes,
                                   static_cast<std::size_t>(count) * row_bytes);
  return slice;
}

void expand(const WeightFile& file, const TensorView& tensor, float* out) {
  const std::int64_t rows = tensor.shape[0];
  const std::int64_t columns = tensor.element_count() / rows;
  const std::int64_t rows_per_task = std::max<std::int64_t>(1, kElementsPerTask / columns);
  std::atomic<bool> finite = true;
  const auto expand_rows = [&](std::int64_t begin, std::int64_t end) {
    const std::span<float> part(out + begin * columns,
                                static_cast<std::size_t>((end - begin) * columns));
    dequantize(tensor.shape.size() == 1 ? tensor : row_slice(tensor, begin, end - begin), part);
    if (!all_finite(part)) finite = false;
  };
  if (tensor.shape.size() == 1)
    expand_rows(0, rows);
  else
    at::parallel_for(0, rows, rows_per_task, expand_rows);
  if (!finite)
    throw Error(ErrorCode::kCorrupt,
                fmt::format("tensor {} in {} holds values that are not finite", tensor.name,
                            file.path().string()),
                "fetch the model again");
}

}  // namespace

at::Tensor load_tensor(const WeightFile& file, std::string_view name,
                       std::initializer_list<std::int64_t> shape) {
  const TensorView& tensor = file.require(name, std::vector<std::int64_t>(shape));
  at::Tensor out = at::empty(tensor.shape, at::kFloat);
  expand(file, tensor, out.mutable_data_ptr<float>());
  return out;
}

at::Tensor load_stacked(const WeightFile& file, const std::vector<RowBlock>& blocks,
                        std::int64_t columns) {
  std::vector<const TensorView*> tensors;
  std::int64_t rows = 0;
  for (const RowBlock& block : blocks) {
    tensors.push_back(&file.require(block.name, std::array{block.rows, columns}));
    rows += block.rows;
  }
  at::Tensor out = at::empty({rows, columns}, at::kFloat);
  float* next = out.mutable_data_ptr<float>();
  for (const TensorView* tensor : tensors) {
    expand(file, *tensor, next);
    next += tensor->element_count();
  }
  return out;
}

}  // namespace tandem
