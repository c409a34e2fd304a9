#include "model/kernels/tile_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "model/kernels/attention.h"
#include "model/kernels/tile_registers.h"
#include "model/kernels/tiles.h"

namespace tandem::kernels {
namespace {

constexpr std::size_t kSteps = kTileWords / kTileRows;  // bfloat16 numbers in a row of a tile

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

// Memory of one thread for the scores of 16 rows.
struct Scratch {
  PageBuffer scores;   // [16, positions] of float
  PageBuffer weights;  // [16, positions] of bfloat16

  void reserve(std::size_t positions) {
    const std::size_t count = kTileQueries * positions;
    if (scores.size() >= count * sizeof(float)) return;
    scores = PageBuffer(count * sizeof(float));
    weights = PageBuffer(count * sizeof(std::uint16_t));
  }
};

class Queries {
 public:
  TANDEM_TILES Queries(const float* query, std::size_t stride, std::size_t count,
                       std::size_t head_size, float scale)
      : head_size_(head_size) {
    for (std::size_t row = 0; row < kTileQueries; ++row) {
      for (std::size_t i = 0; i < head_size; i += 16) {
        const __m512 x =
            row < count ? _mm512_loadu_ps(query + row * stride + i) : _mm512_setzero_ps();
        const __m512 scaled = _mm512_mul_ps(x, _mm512_set1_ps(scale));
        _mm256_store_si256(reinterpret_cast<__m256i*>(numbers_ + row * head_size + i),
                           std::bit_cast<__m256i>(_mm512_cvtneps_pbh(scaled)));
      }
    }
  }

  // The scores of 32 positions, as columns of [16, stride].
  TANDEM_TILES void score(const std::uint16_t* keys, float* scores, std::size_t stride) const {
    _tile_zero(0);
    _tile_zero(1);
    for (std::size_t i = 0; i < head_size_; i += kSteps) {
      const std::uint16_t* const pairs = keys + i * kBlockPositions;
      _tile_loadd(2, numbers_ + i, head_size_ * sizeof(std::uint16_t));
      _tile_loadd(3, pairs, kBlockPositions * 2 * sizeof(std::uint16_t));
      _tile_loadd(4, pairs + kBlockPositions, kBlockPositions * 2 * sizeof(std::uint16_t));
      _tile_dpbf16ps(0, 2, 3);
      _tile_dpbf16ps(1, 2, 4);
    }
    _tile_stored(0, scores, stride * sizeof(float));
    _tile_stored(1, scores + kBlockPositions / 2, stride * sizeof(float));
  }

 private:
  std::size_t head_size_;
  alignas(64) std::uint16_t numbers_[kTileQueries * 256];
};

// Scores of a row to weights in bfloat16, of which those outside [begin, end) are 0; returns their
// sum.
TANDEM_TILES float soften(float* scores, std::size_t begin, std::size_t end, std::size_t positions,
                          std::uint16_t* weights) {
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
    const __m512 weight = _mm512_maskz_mov_ps(seen, exp_below_zero(_mm512_sub_ps(score, shift)));
    total = _mm512_add_ps(total, weight);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(weights + i),
                        std::bit_cast<__m256i>(_mm512_cvtneps_pbh(weight)));
  }
  return _mm512_reduce_add_ps(total);
}

// The weighted sum of 16 numbers of all values, for 16 rows.
TANDEM_TILES void add_values(const std::uint16_t* weights, std::size_t positions,
                             std::span<const std::uint16_t* const> blocks, std::size_t head_size,
                             std::size_t first, float* sums) {
  const std::size_t keys = block_elements(head_size);
  _tile_zero(0);
  _tile_zero(1);
  for (std::size_t i = 0; i * kBlockPositions < positions; ++i) {
    const std::uint16_t* const values = blocks[i] + keys + first * 2;
    _tile_loadd(2, weights + i * kBlockPositions, positions * sizeof(std::uint16_t));
    _tile_loadd(3, values, head_size * 2 * sizeof(std::uint16_t));
    _tile_loadd(4, values + 32, head_size * 2 * sizeof(std::uint16_t));
    _tile_dpbf16ps(0, 2, 3);
    _tile_dpbf16ps(1, 2, 4);
  }
  _tile_stored(0, sums, 32 * sizeof(float));
  _tile_stored(1, sums + 16, 32 * sizeof(float));
}

}  // namespace

TANDEM_TILES void attend_tiles(const float* query, std::size_t query_stride, std::size_t count,
                               std::size_t first_position, std::size_t head_size, float scale,
                               std::size_t window, std::span<const std::uint16_t* const> blocks,
                               float* out, std::size_t out_stride) {
  TANDEM_CHECK(tiles_take_heads(head_size) && count >= 1 && count <= kTileQueries);
  const std::size_t end = first_position + count;
  // Blocks that no row sees any more are left out, which changes no row's sums: its weights there
  // are 0.
  const std::size_t begin =
      window > 0 && first_position + 1 > window ? first_position + 1 - window : 0;
  const std::size_t first_block = begin / kBlockPositions;
  const std::size_t offset = first_block * kBlockPositions;
  blocks = blocks.subspan(first_block, (end - 1) / kBlockPositions + 1 - first_block);
  const std::size_t positions = blocks.size() * kBlockPositions;

  thread_local Scratch scratch;
  scratch.reserve(positions);
  auto* const scores = reinterpret_cast<float*>(scratch.scores.data());
  auto* const weights = reinterpret_cast<std::uint16_t*>(scratch.weights.data());
  const Tiles tiles;
  const Queries queries(query, query_stride, count, head_size, scale);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    queries.score(blocks[i], scores + i * kBlockPositions, positions);
  float totals[kTileQueries];
  for (std::size_t row = 0; row < count; ++row) {
    const std::size_t row_end = first_position + row + 1;
    const std::size_t row_begin = window > 0 && row_end > window ? row_end - window : 0;
    totals[row] = soften(scores + row * positions, std::max(row_begin, offset) - offset,
                         row_end - offset, positions, weights + row * positions);
  }
  alignas(64) float sums[kTileQueries * 32];
  for (std::size_t first = 0; first < head_size; first += 32) {
    add_values(weights, positions, blocks, head_size, first, sums);
    for (std::size_t row = 0; row < count; ++row)
      for (std::size_t i = 0; i < 32; ++i)
        out[row * out_stride + first + i] = sums[row * 32 + i] / totals[row];
  }
}

}  // namespace tandem::kernels
