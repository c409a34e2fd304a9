// What products of panels with rows of activations share, of whichever kind their weights are. For
// the sources of this folder that are compiled once for each set of instructions: includable once
// for each, hence the unusual guard.
#if defined(TANDEM_MODEL_KERNELS_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TANDEM_MODEL_KERNELS_PANELS_INL_H_
#undef TANDEM_MODEL_KERNELS_PANELS_INL_H_
#else
#define TANDEM_MODEL_KERNELS_PANELS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "model/kernels/halves-inl.h"
#include "model/kernels/multiply.h"

HWY_BEFORE_NAMESPACE();
namespace tandem::kernels::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

// For processors from before AVX2: right, and slow. Rows are expanded as for an embedding;
// activation(row, k) is what they are multiplied with.
template <class Activation>
void multiply_expanded(const Matrix& weights, Range panels, Range rows, float* out,
                       std::size_t stride, const Activation& activation) {
  std::vector<float> weight(weights.columns());
  const std::size_t first = panels.first * kPanelRows;
  const std::size_t end = std::min(panels.second * kPanelRows, weights.rows());
  for (std::size_t r = first; r < end; ++r) {
    weights.expand_row(r, weight);
    for (std::size_t row = rows.first; row < rows.second; ++row) {
      float sum = 0;
      for (std::size_t k = 0; k < weight.size(); ++k) sum += weight[k] * activation(row, k);
      out[row * stride + r - first] = sum;
    }
  }
}

#else

// One or more registers make the 16 rows of a panel.
static_assert(kPanelRows % kLanes == 0);

// Asks for the weights that will be multiplied some thousand cycles from now, while `size_bytes` at
// `weights` are. The processor's own prefetcher stops at the end of each page and does not see that
// scales follow numbers: without this, products of a few rows wait for memory and then compute
// instead of doing both at once. What lies beyond the end is asked for in vain, which is harmless.
HWY_INLINE void fetch_ahead(const void* weights, std::size_t size_bytes) {
  // Measured: from 4 KB on it makes little difference with one thread; two want 8.
  constexpr std::size_t kDistance = 8192;
  constexpr std::size_t kCacheLine = 64;
  for (std::size_t i = 0; i < size_bytes; i += kCacheLine)
    __builtin_prefetch(static_cast<const char*>(weights) + kDistance + i);
}

// Writes the lanes of a vector that are rows of the matrix; the first of them is `row`.
HWY_INLINE void store_lanes(Floats values, std::size_t row, std::size_t row_count, float* out) {
  if (row + kLanes <= row_count) {
    hn::StoreU(values, kFloats, out);
    return;
  }
  HWY_ALIGN float lanes[kLanes];
  hn::Store(values, kFloats, lanes);
  for (std::size_t i = 0; row + i < row_count; ++i) out[i] = lanes[i];
}

#endif  // HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

}  // namespace tandem::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TANDEM_MODEL_KERNELS_PANELS_INL_H_
