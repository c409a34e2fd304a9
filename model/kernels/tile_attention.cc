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

// Each number is two of bfloat16, a large one and the small rest; what both rests would give is
// left out. The products are computed as one, of rows [large, large, small] of queries with columns
// [large, small, large] of keys.
constexpr std::size_t kTerms = 3;

// The queries of one head.
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
        std::uint16_t* const to = numbers_ + row * kTerms * head_size + i;
        store(scaled, to);
        store(scaled, to + head_size);
        store(rest_of_brain(scaled), to + 2 * head_size);
      }
    }
  }

  // The scores of a block, as columns of [16, stride]. `keys` are those of its first half and,
  // after key_words(), of its second.
  TANDEM_TILES void score(const Tiles& tiles, const std::uint16_t* keys, float* scores,
                          std::size_t stride) const {
    const std::size_t columns = kTerms * head_size_;
    tiles.multiply<1>({numbers_, columns, kTileQueries},
                      {keys, keys + key_words(head_size_), kTileWords, columns / kTileColumns},
                      scores, stride);
  }

  static constexpr std::size_t key_words(std::size_t head_size) {
    return kTerms * head_size * kTileRows;
  }

 private:
  std::size_t head_size_;
  alignas(64) std::uint16_t numbers_[kTileQueries * kTerms * kMaxTileHead];
};

TANDEM_TILES inline __m512 load_halves(const std::uint16_t* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// Keys of 16 positions to the tiles of score(). `keys` is at the first position.
TANDEM_TILES void split_keys(const std::uint16_t* keys, std::size_t head_size,
                             std::uint16_t* tiles) {
  const std::size_t term = head_size * kTileRows;
  for (std::size_t i = 0; i < head_size; i += 2) {
    const __m512 first = load_halves(keys + i * kBlockPositions);
    const __m512 second = load_halves(keys + (i + 1) * kBlockPositions);
    std::uint16_t* const to = tiles + i * kTileRows;
    store_pair(first, second, to);
    store_pair(rest_of_brain(first), rest_of_brain(second), to + term);
    store_pair(first, second, to + 2 * term);
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
  const std::size_t value_words = block_elements(head_size);

  thread_local PageBuffer scores_buffer, weights_buffer, values_buffer;
  float* const scores = scratch_of<float>(scores_buffer, heads * kTileQueries * positions);
  auto* const weights = scratch_of<std::uint16_t>(weights_buffer, kTileQueries * positions);
  auto* const values = scratch_of<std::uint16_t>(values_buffer, positions * head_size);
  alignas(64) std::uint16_t keys[2 * Queries::key_words(kMaxTileHead)];
  const Tiles tiles;
  std::vector<Queries> queries;
  queries.reserve(heads);
  for (std::size_t h = 0; h < heads; ++h)
    queries.emplace_back(run.query + h * head_size, run.query_stride, run.rows, head_size,
                         run.scale);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    split_keys(blocks[i], head_size, keys);
    split_keys(blocks[i] + kTileRows, head_size, keys + Queries::key_words(head_size));
    for (std::size_t h = 0; h < heads; ++h)
      queries[h].score(tiles, keys, scores + h * kTileQueries * positions + i * kBlockPositions,
                       positions);
    round_values(blocks[i] + value_words, head_size, values + i * value_words);
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
