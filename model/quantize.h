// Numbers to the bytes of a tensor in a file: the other direction of dequantize() (weights.h).
#ifndef TANDEM_MODEL_QUANTIZE_H_
#define TANDEM_MODEL_QUANTIZE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "model/weights.h"

namespace tandem {

// Whether quantize() knows the type: F32, F16, BF16 and Q8_0.
bool can_quantize(DataType type);

// `values` are finite and a whole number of blocks. Half and bfloat16 are the nearest, ties to
// even. A block of Q8_0 has d = max |x| / 127, as a half, and q = x / d, by the d before it became
// one, rounded half away from zero: the bytes of GGML's quantize_row_q8_0_ref.
std::vector<std::byte> quantize(DataType type, std::span<const float> values);

}  // namespace tandem

#endif  // TANDEM_MODEL_QUANTIZE_H_
