// Numbers to the bytes of a tensor in a file: the other direction of dequantize() (weights.h).
#ifndef TANDEM_MODEL_QUANTIZE_H_
#define TANDEM_MODEL_QUANTIZE_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "model/weights.h"

namespace tandem {

// Whether quantize() knows the type: F32, F16, BF16, Q8_0, Q4_0 and Q4_1.
bool can_quantize(DataType type);

// The largest magnitude that stays finite: beyond it a number, or the scale of its block, would be
// written as infinity.
float largest_value(DataType type);
// Throws kInvalidArgument, naming the tensor, for a value that is not finite or larger than that.
void check_values(std::string_view tensor, DataType type, std::span<const float> values);

// `values` are a whole number of blocks, none larger than largest_value(). Half and bfloat16 are
// the nearest, ties to even. Blocks are those of GGML's quantize_row_*_ref, byte for byte: a scale
// is rounded to a half after the numbers were divided by it.
//   Q8_0  d = max |x| / 127, q = x / d, half away from zero
//   Q4_0  d = x / -8 for the x of largest magnitude, q = min(15, floor(x / d + 8.5))
//   Q4_1  m = min x, d = (max x - m) / 15, q = min(15, floor((x - m) / d + 0.5))
// Where 1 / d would overflow (|x| below 4e-37), GGML's numbers are undefined and these are those of
// zero.
std::vector<std::byte> quantize(DataType type, std::span<const float> values);

}  // namespace tandem

#endif  // TANDEM_MODEL_QUANTIZE_H_
