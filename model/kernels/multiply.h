// Products of weight matrices and activations, for any number of rows.
//
// The result of a row does not depend on the rows computed beside it: bit for bit the same alone,
// in a batch, or as a draft under verification. Instructions are chosen at run time (Highway):
// AVX-512 with VNNI, AVX2, or what every x86-64 has.
#ifndef TANDEM_MODEL_KERNELS_MULTIPLY_H_
#define TANDEM_MODEL_KERNELS_MULTIPLY_H_

#include <cstddef>
#include <utility>

#include "model/kernels/activations.h"
#include "model/kernels/matrix.h"

namespace tandem::kernels {

// Indices [first, second).
using Range = std::pair<std::size_t, std::size_t>;

// out[row * stride + r - first] = sum over columns k of weights[r, k] * x[row, k], for each `row`
// of `rows` and each r in the panels `panels`, whose first row of the matrix is `first`. Only rows
// of the matrix are written, not what fills its last panel. `weights` takes bytes. Panels may be
// shared out among threads.
void multiply(const Matrix& weights, Range panels, const ActivationRows& x, Range rows, float* out,
              std::size_t stride);

// The same for weights that take floats: row `row` of the activations begins at x + row * x_stride.
void multiply(const Matrix& weights, Range panels, const float* x, std::size_t x_stride, Range rows,
              float* out, std::size_t stride);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_MULTIPLY_H_
