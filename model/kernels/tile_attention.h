// Attention of the rows of a prompt by the tile instructions of AMX: queries, weights of the
// softmax and the cache in bfloat16, sums in float. The cache is laid out as attention.h says.
#ifndef TANDEM_MODEL_KERNELS_TILE_ATTENTION_H_
#define TANDEM_MODEL_KERNELS_TILE_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tandem::kernels {

inline constexpr std::size_t kTileQueries = 16;

// Whether heads of this size can be computed by tiles: whole tiles of 32 numbers.
constexpr bool tiles_take_heads(std::size_t head_size) {
  return head_size % 32 == 0 && head_size <= 256;
}

// Causal attention of one query head for `count` (at most kTileQueries) rows at the positions
// first_position, first_position + 1, ... Row i of the queries begins at query + i * query_stride,
// its result at out + i * out_stride. A row sees the `window` positions up to its own, or all
// before it if `window` is 0. Only where tiles_available(). A row's result does not depend on the
// others.
void attend_tiles(const float* query, std::size_t query_stride, std::size_t count,
                  std::size_t first_position, std::size_t head_size, float scale,
                  std::size_t window, std::span<const std::uint16_t* const> blocks, float* out,
                  std::size_t out_stride);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_ATTENTION_H_
