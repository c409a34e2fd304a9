// What choosing a token does with every logit of a vocabulary. Results are the same on every
// machine, bit for bit: no product is fused with a sum, and sums have one order.
#ifndef TANDEM_MODEL_KERNELS_LOGITS_H_
#define TANDEM_MODEL_KERNELS_LOGITS_H_

#include <cstddef>
#include <optional>
#include <span>

namespace tandem::kernels {

// The first of the largest; null if one of them is NaN or +infinity, or all are -infinity.
std::optional<std::size_t> index_of_largest(std::span<const float> logits);

// out = exp((logit - largest) / temperature): softmax without its division, `largest` being the
// largest logit and temperature above 0. Within 2e-7 of the exact number, relatively; what would be
// below 1e-37 is 0.
void softmax_weights(std::span<const float> logits, float largest, float temperature, float* out);

double sum(std::span<const float> x);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_LOGITS_H_
