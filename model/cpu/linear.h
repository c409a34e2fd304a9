// Products of a decoder's matrices with rows of numbers, each in the form that the matrix's kernel
// takes: 8 bits, bfloat16 for tiles, or floats.
#ifndef TANDEM_MODEL_CPU_LINEAR_H_
#define TANDEM_MODEL_CPU_LINEAR_H_

#include <cstddef>
#include <span>
#include <vector>

#include "model/kernels/matrix.h"
#include "model/kernels/multiply.h"
#include "model/kernels/thread_team.h"
#include "model/kernels/tiles.h"

namespace tandem::cpu {

using kernels::Matrix;
using kernels::Range;

// Weights that are exact in bfloat16 or coarser than it; others are multiplied as floats.
bool takes_tiles(const Matrix& matrix);

// Which forms of input the matrices of a model need.
struct InputForms {
  bool bytes = false;
  bool floats = false;
  bool brains = false;  // bfloat16, for tiles

  void add(const Matrix& matrix);
};

// The input of a product, in the form that its matrices and the instructions for a row take.
class Input {
 public:
  // Makes room for [rows, columns]. What was there is lost.
  void resize(std::size_t rows, std::size_t columns, InputForms forms);

  // The row in floats, to compute in before write() is given it.
  float* row(std::size_t index) { return floats_.data() + index * columns_; }
  // Columns from `first` on, a multiple of 32. `x` may be what row() gives.
  void write(std::span<const float> x, std::size_t index, bool of_prompt, std::size_t first = 0);

 private:
  friend void multiply(const Matrix&, Range, const Input&, std::size_t, std::size_t, float*,
                       std::size_t);

  std::vector<float> floats_;  // [rows, columns]
  kernels::ActivationRows bytes_;
  kernels::BrainRows brains_;  // rows of prompts
  std::size_t columns_ = 0;
  InputForms forms_;
};

// Some panels of the product. Rows [0, prompt_rows) are of prompts, the others up to `row_count`
// are decoded; those of `out` are `stride` numbers apart.
void multiply(const Matrix& matrix, Range panels, const Input& input, std::size_t prompt_rows,
              std::size_t row_count, float* out, std::size_t stride);

// Matrices that read the same input; their outputs stand one after another.
class Linear {
 public:
  Linear() = default;
  explicit Linear(const Matrix& matrix) { add(matrix); }

  void add(const Matrix& matrix);
  const std::vector<Matrix>& matrices() const { return matrices_; }

  // A member's share of the product, as multiply() above: the matrices' panels are numbered through
  // and shared out among the members.
  void multiply_share(int member, int members, const Input& input, std::size_t prompt_rows,
                      std::size_t row_count, float* out, std::size_t stride) const;

 private:
  std::vector<Matrix> matrices_;
  std::size_t panels_ = 0;
};

}  // namespace tandem::cpu

#endif  // TANDEM_MODEL_CPU_LINEAR_H_
