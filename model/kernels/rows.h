// Work on rows of activations between two matrix products. Every function is computed by the
// calling thread alone and gives a row the same result whatever else is computed.
#ifndef TANDEM_MODEL_KERNELS_ROWS_H_
#define TANDEM_MODEL_KERNELS_ROWS_H_

#include <cstddef>
#include <span>

#include "model/decoder_config.h"
#include "model/kernels/activations.h"

namespace tandem::kernels {

// Columns of `x` to 8 bits, as row `row` of `out`: the groups [first_group, first_group + n) that
// `x` covers. The last group may be short only where the row ends.
void quantize(std::span<const float> x, const ActivationRows& out, std::size_t row,
              std::size_t first_group = 0);

// out = x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich 2019, arXiv:1910.07467, equation
// 4). `out` may be `x`.
void rms_norm(std::span<const float> x, const float* weight, float epsilon, float* out);

// out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias (Ba et al. 2016,
// arXiv:1607.06450). `out` may be `x`.
void layer_norm(std::span<const float> x, const float* weight, const float* bias, float epsilon,
                float* out);

// x += y
void add(std::span<float> x, const float* y);

// x *= factor
void scale(std::span<float> x, float factor);

// gate = activation(gate) * up: SwiGLU and GeGLU (Shazeer 2020, arXiv:2002.05202, equations 5, 6).
void activate(DecoderActivation activation, std::span<float> gate, const float* up);

// Turns the pairs of one head by their angles (Su et al. 2021, arXiv:2104.09864, equation 13).
// `cosines` and `sines` are [rotary_size / 2]; the rest of the head stays as it is.
void rotate(RotaryPairs pairs, float* head, std::span<const float> cosines, const float* sines);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_ROWS_H_
