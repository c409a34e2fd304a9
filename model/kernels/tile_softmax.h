// The second half of attention by tiles: from scores to weighted sums of values. For the sources of
// this folder that compute attention.
#ifndef TANDEM_MODEL_KERNELS_TILE_SOFTMAX_H_
#define TANDEM_MODEL_KERNELS_TILE_SOFTMAX_H_

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "model/kernels/tile_registers.h"

namespace tandem::kernels {

// Positions whose values fill the rows of a tile.
inline constexpr std::size_t kTilePositions = 32;

// e^x for x <= 0 (Cody and Waite's reduction, then the Taylor series to degree 6: 3e-7 relative).
TANDEM_TILES inline __m512 exp_below_zero(__m512 x) {
  // Below this the result is no longer a normal number, and nothing beside the largest weight, 1.
  x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.0f / 720);
  for (const float coefficient : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(coefficient));
  return _mm512_scalef_ps(p, n);
}

// Scores of a row, of which those outside [begin, end) are written over, to weights in bfloat16,
// which are 0 there: e^(scale (score - the largest one)). Returns their sum. `positions` is a
// multiple of 16.
TANDEM_TILES inline float soften(float* scores, float scale, std::size_t begin, std::size_t end,
                                 std::size_t positions, std::uint16_t* weights) {
  const float nothing = -std::numeric_limits<float>::infinity();
  std::fill(scores, scores + begin, nothing);
  std::fill(scores + end, scores + positions, nothing);
  __m512 largest = _mm512_set1_ps(nothing);
  for (std::size_t i = 0; i < positions; i += 16)
    largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + i));
  const __m512 shift = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
  __m512 total = _mm512_setzero_ps();
  for (std::size_t i = 0; i < positions; i += 16) {
    const __m512 score = _mm512_loadu_ps(scores + i);
    const __mmask16 seen = _mm512_cmp_ps_mask(score, _mm512_set1_ps(nothing), _CMP_NEQ_OQ);
    const __m512 below = _mm512_mul_ps(_mm512_sub_ps(score, shift), _mm512_set1_ps(scale));
    const __m512 weight = _mm512_maskz_mov_ps(seen, exp_below_zero(below));
    total = _mm512_add_ps(total, weight);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(weights + i),
                        std::bit_cast<__m256i>(_mm512_cvtneps_pbh(weight)));
  }
  return _mm512_reduce_add_ps(total);
}

// The weighted sum of 32 numbers, from `first` on, of all values: [16 rows, 32]. `weights` has
// whole groups of 32 positions, one after another. `values` has for each 32 positions one tile
// after another, one for each 16 numbers of a head.
TANDEM_TILES inline void add_values(const Tiles& tiles, const TileInput& weights,
                                    const std::uint16_t* values, std::size_t head_size,
                                    std::size_t first, float* sums) {
  const std::uint16_t* const column = values + first / kTileRows * kTileWords;
  tiles.multiply<1>(
      weights,
      {column, column + kTileWords, kTilePositions * head_size, weights.stride / kTilePositions},
      sums, 32);
}

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_SOFTMAX_H_
