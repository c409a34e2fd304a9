#include "model/kernels/tile_self_attention.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "model/kernels/tile_registers.h"
#include "model/kernels/tile_softmax.h"

namespace tandem::kernels {
namespace {

// Keys of 16 rows to tiles, one for each 32 numbers of a head: row i has numbers 2i and 2i + 1 of
// every key. Keys from `count` on are zeros.
void turn_keys(const BrainRows& parts, std::size_t row, std::size_t count, std::size_t column,
               std::size_t head_size, std::uint16_t* tiles) {
  std::memset(tiles, 0, kTileRows * head_size * sizeof(*tiles));
  for (std::size_t key = 0; key < count; ++key) {
    const std::uint16_t* const from = parts.row(row + key) + column;
    for (std::size_t i = 0; i < head_size; i += 2)
      std::memcpy(tiles + i * kTileRows + 2 * key, from + i, 2 * sizeof(*from));
  }
}

// Values of 32 rows to tiles, one for each 16 numbers of a head: row i has the numbers of the
// values 2i and 2i + 1 in turn. Values from `count` on are zeros.
TANDEM_TILES void pair_values(const BrainRows& parts, std::size_t row, std::size_t count,
                              std::size_t column, std::size_t head_size, std::uint16_t* tiles) {
  const auto load = [&](std::size_t value, std::size_t i) TANDEM_TILES {
    if (value >= count) return _mm256_setzero_si256();
    return _mm256_loadu_si256(
        reinterpret_cast<const __m256i*>(parts.row(row + value) + column + i));
  };
  for (std::size_t i = 0; i < head_size; i += 16)
    for (std::size_t value = 0; value < kTilePositions; value += 2) {
      const __m512i both =
          _mm512_inserti64x4(_mm512_castsi256_si512(load(value, i)), load(value + 1, i), 1);
      _mm512_storeu_si512(tiles + i / 16 * kTileWords + value * kTileRows, interleave_halves(both));
    }
}

}  // namespace

TANDEM_TILES void attend_to_all(const BrainRows& parts, std::size_t first_row, std::size_t length,
                                std::size_t heads, std::size_t head_size, const BrainRows& out) {
  TANDEM_CHECK(head_size % 32 == 0 && parts.columns() == 3 * heads * head_size);
  const std::size_t positions = (length + kTilePositions - 1) / kTilePositions * kTilePositions;
  thread_local PageBuffer keys_buffer, values_buffer, scores_buffer, weights_buffer;
  auto* const keys = scratch_of<std::uint16_t>(keys_buffer, positions * head_size);
  auto* const values = scratch_of<std::uint16_t>(values_buffer, positions * head_size);
  auto* const scores = scratch_of<float>(scores_buffer, kTileRows * positions);
  auto* const weights = scratch_of<std::uint16_t>(weights_buffer, kTileRows * positions);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
  alignas(64) float sums[kTileRows * 32];
  float factors[kTileRows] = {};
  const Tiles tiles;
  for (std::size_t head = 0; head < heads; ++head) {
    const std::size_t query_column = head * head_size;
    const std::size_t key_column = (heads + head) * head_size;
    const std::size_t value_column = (2 * heads + head) * head_size;
    for (std::size_t p = 0; p < positions; p += kTileRows)
      turn_keys(parts, first_row + p, std::min(length - std::min(p, length), kTileRows), key_column,
                head_size, keys + p * head_size);
    for (std::size_t p = 0; p < positions; p += kTilePositions)
      pair_values(parts, first_row + p, length - p, value_column, head_size,
                  values + p * head_size);
    for (std::size_t row = 0; row < length; row += kTileRows) {
      const std::size_t count = std::min(kTileRows, length - row);
      const std::uint16_t* const queries = parts.row(first_row + row) + query_column;
      for (std::size_t p = 0; p < positions; p += kTilePositions) {
        const std::uint16_t* const first = keys + p * head_size;
        tiles.multiply<1>(
            {queries, parts.stride(), count},
            {first, first + kTileRows * head_size, kTileWords, head_size / kTileColumns},
            scores + p, positions);
      }
      for (std::size_t i = 0; i < count; ++i)
        factors[i] = 1.0f / soften(scores + i * positions, scale, 0, length, positions,
                                   weights + i * positions);
      for (std::size_t first = 0; first < head_size; first += 32) {
        add_values(tiles, {weights, positions, count}, values, head_size, first, sums);
        for (std::size_t i = 0; i < count; ++i) {
          const __m512 factor = _mm512_set1_ps(factors[i]);
          const __m512 low = _mm512_mul_ps(_mm512_load_ps(sums + i * 32), factor);
          const __m512 high = _mm512_mul_ps(_mm512_load_ps(sums + i * 32 + 16), factor);
          _mm512_storeu_si512(out.row(first_row + row + i) + query_column + first,
                              to_brains(low, high));
        }
      }
    }
  }
}

}  // namespace tandem::kernels
