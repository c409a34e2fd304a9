// Arithmetic on one row of activations, which is what a decoder does for each new token.
//
// One token reads every weight once, so the time is that of bringing weights from memory: reading
// them as the file has them (4 or 8 bits each) instead of as floats makes a token 4 times faster.
// Products are taken in float, as with the expanded weights; only the order of the sums differs.
// Everything runs on the calling thread: at these sizes waking a second one costs as much as it
// brings, and much more on a busy machine. Not thread-aware, hence safe from any thread.
//
// Rejected: int8 activations (twice as fast again, but logits would no longer be those of the
// expanded weights), LibTorch's bf16 and 4-bit products (the first rounds the weights, the second
// is slower than floats without AVX-512).
#ifndef TANDEM_MODEL_ROW_KERNELS_H_
#define TANDEM_MODEL_ROW_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/weights.h"

namespace tandem {

// A matrix [rows, columns] in the blocks of its file. Immutable; owns its bytes.
class BlockMatrix {
 public:
  // Whether this processor has the instructions and the blocks of `type` are known here.
  static bool supports(DataType type);

  // `tensor` is a matrix of a supported type.
  explicit BlockMatrix(const TensorView& tensor);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }

  // out[row] = sum over columns of weight[row, column] * x[column].
  void multiply(std::span<const float> x, std::span<float> out) const;

 private:
  DataType type_;
  std::size_t rows_;
  std::size_t columns_;
  std::vector<std::byte> blocks_;
};

// Softmax attention of the query heads of one position that share a key head. `query` and `out` are
// [heads, size]; `keys` and `values` are [positions, size].
void attend_row(std::span<const float> query, std::span<const float> keys,
                std::span<const float> values, std::size_t size, std::span<float> out);

}  // namespace tandem

#endif  // TANDEM_MODEL_ROW_KERNELS_H_
