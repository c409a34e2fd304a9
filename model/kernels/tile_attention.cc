#include "model/kernels/tile_attention.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "model/kernels/attention.h"
#include "model/kernels/tile_registers.h"
#include "model/kernels/tile_softmax.h"
#include "model/kernels/tiles.h"

namespace tandem::kernels {
namespace {

constexpr std::size_t kMaxTileHead = 256;

// The queries of one head as two bfloat16 numbers each.
class Queries {
 public:
  TANDEM_TILES Queries(const float* query, std::size_t stride, std::size_t count,
                       std::size_t head_size, float scale)
      : head_size_(head_size) {
    const auto store = [](__m512 x, std::uint16_t* to) TANDEM_TILES {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to),
                         std::bit_cast<__m256i>(_mm512_cvtneps_pbh(x)));
    };
    for (std::size_t row = 0; row < kTileQueries; ++row) {
      for (std::size_t i = 0; i < head_size; i += 16) {
        const __m512 x =
            row < count ? _mm512_loadu_ps(query + row * stride + i) : _mm512_setzero_ps();
        const __m512 scaled = _mm512_mul_ps(x, _mm512_set1_ps(scale));
        store(scaled, large_ + row * head_size + i);
        store(rest_of_brain(scaled), small_ + row * head_size + i);
      }
    }
  }

  // The scores of 16 positions, as columns of [16, stride]. `large` and `small` are the tiles of
  // their keys, one for each 32 numbers of a head.
  TANDEM_TILES void score(const std::uint16_t* large, const std::uint16_t* small, float* scores,
                          std::size_t stride) const {
    const std::size_t row_bytes = head_size_ * sizeof(std::uint16_t);
    _tile_zero(0);
    for (std::size_t i = 0; i < head_size_; i += kTileColumns) {
      _tile_loadd(2, large_ + i, row_bytes);
      _tile_loadd(3, small_ + i, row_bytes);
      _tile_loadd(4, large + i * kTileRows, 64);
      _tile_loadd(5, small + i * kTileRows, 64);
      _tile_dpbf16ps(0, 2, 4);
      _tile_dpbf16ps(0, 2, 5);
      _tile_dpbf16ps(0, 3, 4);
    }
    _tile_stored(0, scores, stride * sizeof(float));
  }

 private:
  std::size_t head_size_;
  alignas(64) std::uint16_t large_[kTileQueries * kMaxTileHead];
  alignas(64) std::uint16_t small_[kTileQueries * kMaxTileHead];
};

TANDEM_TILES inline __m512 load_halves(const std::uint16_t* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// Keys of 16 positions to the tiles of score(). `keys` is at the first position.
TANDEM_TILES void split_keys(const std::uint16_t* keys, std::size_t head_size, std::uint16_t* large,
                             std::uint16_t* small) {
  for (std::size_t i = 0; i < head_size; i += 2) {
    const __m512 first = load_halves(keys + i * kBlockPositions);
    const __m512 second = load_halves(keys + (i + 1) * kBlockPositions);
    store_pair(first, second, large + i * kTileRows);
    store_pair(rest_of_brain(first), rest_of_brain(second), small + i * kTileRows);
  }
}

// Values of a block to tiles, one for each 16 numbers of a head.
TANDEM_TILES void round_values(const std::uint16_t* values, std::size_t head_size,
                               std::uint16_t* tiles) {
  for (std::size_t i = 0; i < head_size; i += 16)
    for (std::size_t p = 0; p < kBlockPositions; p += 2)
      store_pair(load_halves(values + p * head_size + i),
                 load_halves(values + (p + 1) * head_size + i),
                 tiles + i / 16 * kTileWords + p * kTileRows);
}

}  // namespace

TANDEM_TILES void attend_tiles(const QueryRun& run, std::span<const std::uint16_t* const> blocks) {
  const std::size_t head_size = run.head_size;
  const std::size_t heads = run.heads;
  TANDEM_CHECK(tiles_take_heads(head_size) && run.rows >= 1 && run.rows <= kTileQueries);
  const std::size_t end = run.end_of(run.rows - 1);
  // Blocks that no row sees any more are left out, which changes no row's sums: its weights there
  // are 0.
  const std::size_t begin = run.begin_of(0);
  const std::size_t first_block = begin / kBlockPositions;
  const std::size_t offset = first_block * kBlockPositions;
  blocks = blocks.subspan(first_block, (end - 1) / kBlockPositions + 1 - first_block);
  const std::size_t positions = blocks.size() * kBlockPositions;
  const std::size_t key_words = block_elements(head_size);

  thread_local PageBuffer scores_buffer, weights_buffer, values_buffer;
  float* const scores = scratch_of<float>(scores_buffer, heads * kTileQueries * positions);
  auto* const weights = scratch_of<std::uint16_t>(weights_buffer, kTileQueries * positions);
  auto* const values = scratch_of<std::uint16_t>(values_buffer, positions * head_size);
  alignas(64) std::uint16_t large[kTileRows * kMaxTileHead];
  alignas(64) std::uint16_t small[kTileRows * kMaxTileHead];
  const Tiles tiles;
  std::vector<Queries> queries;
  queries.reserve(heads);
  for (std::size_t h = 0; h < heads; ++h)
    queries.emplace_back(run.query + h * head_size, run.query_stride, run.rows, head_size,
                         run.scale);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (std::size_t half = 0; half < kBlockPositions; half += 16) {
      split_keys(blocks[i] + half, head_size, large, small);
      for (std::size_t h = 0; h < heads; ++h)
        queries[h].score(large, small,
                         scores + h * kTileQueries * positions + i * kBlockPositions + half,
                         positions);
    }
    round_values(blocks[i] + key_words, head_size, values + i * key_words);
  }
  alignas(64) float sums[kTileQueries * 32];
  float totals[kTileQueries];
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t row = 0; row < run.rows; ++row) {
      totals[row] = soften(scores + (h * kTileQueries + row) * positions, /*scale=*/1,
                           std::max(run.begin_of(row), offset) - offset, run.end_of(row) - offset,
                           positions, weights + row * positions);
    }
    for (std::size_t first = 0; first < head_size; first += 32) {
      add_values(tiles, {weights, positions, run.rows}, values, head_size, first, sums);
      for (std::size_t row = 0; row < run.rows; ++row)
        for (std::size_t i = 0; i < 32; ++i)
          run.out[row * run.out_stride + h * head_size + first + i] =
              sums[row * 32 + i] / totals[row];
    }
  }
}

}  // namespace tandem::kernels
