#include "model/kernels/tile_matrix.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "model/kernels/tile_registers.h"
#include "model/kernels/tile_softmax.h"

namespace tandem::kernels {
namespace {

constexpr std::size_t kBlock = 2 * kTileRows;  // rows and columns of a block of results

// x Phi(x), with the error function to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26).
TANDEM_TILES inline __m512 gelu(__m512 x) {
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(0.70710678f));
  const __m512 t = _mm512_div_ps(one, _mm512_fmadd_ps(z, _mm512_set1_ps(0.3275911f), one));
  __m512 p = _mm512_set1_ps(1.061405429f);
  for (const float coefficient : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f})
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(coefficient));
  const __m512 tail = _mm512_mul_ps(
      _mm512_mul_ps(p, t), exp_below_zero(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(z, z))));
  // erf(|x| / sqrt 2) = 1 - tail, and Phi(x) = (1 + erf(x / sqrt 2)) / 2 is odd about 1 / 2.
  const __m512 half_tail = _mm512_mul_ps(tail, _mm512_set1_ps(0.5f));
  const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
  const __m512 phi = _mm512_mask_mov_ps(_mm512_sub_ps(one, half_tail), negative, half_tail);
  return _mm512_mul_ps(x, phi);
}

}  // namespace

TileMatrix::TileMatrix(std::span<const float> weights, std::span<const float> bias,
                       PageArena& arena)
    : bias_(bias.begin(), bias.end()) {
  TANDEM_CHECK(!bias.empty() && bias.size() % kBlock == 0 && weights.size() % bias.size() == 0);
  columns_ = weights.size() / bias.size();
  groups_ = (columns_ + kGroup - 1) / kGroup;
  auto* const tiles =
      reinterpret_cast<std::uint16_t*>(arena.take(rows() * groups_ * kGroup * sizeof(*tiles_)));
  for (std::size_t row = 0; row < rows(); ++row) {
    const std::size_t panel = row / kTileRows;
    for (std::size_t k = 0; k < columns_; ++k) {
      const auto bits = std::bit_cast<std::uint32_t>(weights[row * columns_ + k]);
      // Tiles of a pair of panels stand side by side; a row of a tile has two columns of each of
      // its 16 rows of weights.
      const std::size_t tile = (panel / 2 * groups_ + k / kGroup) * 2 + panel % 2;
      tiles[tile * kTileWords + k % kGroup / 2 * kGroup + row % kTileRows * 2 + k % 2] =
          static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
    }
  }
  tiles_ = tiles;
}

// Calls store(row, column, sums) for blocks of up to 32 rows. Weights of a block's columns stay in
// the first-level cache while all rows pass by.
template <class Store>
TANDEM_TILES void TileMatrix::for_each_block(const BrainRows& x, std::size_t count,
                                             const Store& store) const {
  TANDEM_CHECK(tile_unit() != TileUnit::kNone && x.columns() == columns_);
  alignas(64) float sums[kBlock * kBlock];
  const Tiles tiles;
  for (std::size_t column = 0; column < rows(); column += kBlock) {
    const std::uint16_t* const block = tiles_ + column * groups_ * kGroup;
    for (std::size_t row = 0; row < count; row += kBlock) {
      const std::size_t rows = std::min(kBlock, count - row);
      tiles.multiply<2>({x.row(row), x.stride(), rows},
                        {block, block + kTileWords, 2 * kTileWords, groups_}, sums, kBlock);
      for (std::size_t i = 0; i < rows; ++i) store(row + i, column, sums + i * kBlock);
    }
  }
}

TANDEM_TILES void TileMatrix::multiply(const BrainRows& x, std::size_t count,
                                       TileActivation activation, const BrainRows& out) const {
  TANDEM_CHECK(out.columns() == rows());
  for_each_block(
      x, count, [&](std::size_t row, std::size_t column, const float* sums) TANDEM_TILES {
        const float* const bias = bias_.data() + column;
        __m512 first = _mm512_add_ps(_mm512_load_ps(sums), _mm512_loadu_ps(bias));
        __m512 second = _mm512_add_ps(_mm512_load_ps(sums + 16), _mm512_loadu_ps(bias + 16));
        if (activation == TileActivation::kGelu) {
          first = gelu(first);
          second = gelu(second);
        }
        _mm512_storeu_si512(out.row(row) + column, to_brains(first, second));
      });
}

TANDEM_TILES void TileMatrix::multiply_add(const BrainRows& x, std::size_t count,
                                           float* out) const {
  for_each_block(
      x, count, [&](std::size_t row, std::size_t column, const float* sums) TANDEM_TILES {
        for (std::size_t i = 0; i < kBlock; i += 16) {
          float* const to = out + row * rows() + column + i;
          const __m512 sum =
              _mm512_add_ps(_mm512_load_ps(sums + i), _mm512_loadu_ps(bias_.data() + column + i));
          _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sum));
        }
      });
}

}  // namespace tandem::kernels
