// Rows of activations in 8 bits: x = scale * q for each group of 32 columns, q in [-127, 127],
// scale = max |x| / 127. As precise as what llama.cpp multiplies 4-bit and 8-bit weights with.
#ifndef TANDEM_MODEL_KERNELS_ACTIVATIONS_H_
#define TANDEM_MODEL_KERNELS_ACTIVATIONS_H_

#include <cstddef>
#include <cstdint>

#include "model/kernels/matrix.h"

namespace tandem::kernels {

// Memory for up to `max_rows` rows; different rows may be written by different threads at once.
class ActivationRows {
 public:
  ActivationRows() = default;
  ActivationRows(std::size_t max_rows, std::size_t columns);

  std::size_t columns() const { return columns_; }
  std::size_t groups() const { return groups_; }

  std::int8_t* values(std::size_t row) const;  // [groups * 32], zero beyond the columns
  float* scales(std::size_t row) const;        // [groups]
  // What is the same for all weights of a group (a zero point, a minimum) is multiplied once with
  // these. [2 * groups]: the sums of q over each 16 columns.
  std::int32_t* sums(std::size_t row) const;
  // [groups]: -8 times the sum over a group, and scale times that sum. A kernel loads them into all
  // lanes at once; computed beside the products they took a sixth of the time of a prompt.
  std::int32_t* offsets(std::size_t row) const;
  float* shifts(std::size_t row) const;

 private:
  std::size_t columns_ = 0;
  std::size_t groups_ = 0;
  std::size_t row_bytes_ = 0;
  PageBuffer bytes_;
};

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_ACTIVATIONS_H_
