// Work on rows between two matrix products, forward and backward, in one pass over memory each.
// Every function is computed by the calling thread alone, on rows that follow each other; the
// functions of fused_functions.h divide the rows of a tensor.
//
// Numbers between products are floats or bfloat16 (`Number`); what is computed is float.
#ifndef TANDEM_TRAINER_TORCH_ROW_KERNELS_H_
#define TANDEM_TRAINER_TORCH_ROW_KERNELS_H_

#include <c10/util/BFloat16.h>

#include <cstdint>

#include "model/decoder_config.h"

namespace tandem::training {

using c10::BFloat16;

// sum = x + change; scale = 1 / sqrt(mean(sum^2) + epsilon), by row; out = sum * scale * factor
// (Zhang and Sennrich 2019, arXiv:1910.07467, equation 4). Without `change` nothing is added, and
// `sum` is not written.
template <class Number>
struct AddNorm {
  std::int64_t rows, width;
  const float* x;
  const Number* change;  // may be null
  const float* factor;   // [width]
  float epsilon;
  float* sum;
  float* scale;  // [rows]
  Number* out;
};
void add_norm(const AddNorm<float>& work);
void add_norm(const AddNorm<BFloat16>& work);

// The gradient of that: of `sum` that of the output and what came to the sum itself, which is also
// that of `x` and `change`; of the factor the rows' sum.
template <class Number>
struct AddNormGradient {
  std::int64_t rows, width;
  const float* sum;
  const float* scale;
  const float* factor;
  const Number* out_gradient;
  const float* sum_gradient;  // may be null
  float* x_gradient;
  Number* change_gradient;  // may be null
  float* factor_gradient;   // [width], added to; may be null
};
void add_norm_gradient(const AddNormGradient<float>& work);
void add_norm_gradient(const AddNormGradient<BFloat16>& work);

// out = activation(gate) * up (Shazeer 2020, arXiv:2002.05202, equations 5, 6), where a row holds
// gate, then up, each of `width`.
template <class Number>
struct Gated {
  std::int64_t rows, width;
  DecoderActivation activation;
  const Number* gate_up;
  Number* out;
};
void gated(const Gated<float>& work);
void gated(const Gated<BFloat16>& work);

template <class Number>
struct GatedGradient {
  std::int64_t rows, width;
  DecoderActivation activation;
  const Number* gate_up;
  const Number* out_gradient;
  Number* gradient;  // of gate_up
};
void gated_gradient(const GatedGradient<float>& work);
void gated_gradient(const GatedGradient<BFloat16>& work);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_ROW_KERNELS_H_
