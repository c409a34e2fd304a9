// Attention of the rows of a prompt by the tile instructions of AMX, over the cache that
// attention.h describes. Tiles multiply bfloat16 numbers: keys are split into two of them without
// loss, queries nearly so, and scores are the sum of three products; values and weights are rounded
// once.
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

// Causal attention of the `heads` query heads that share a key head, for `count` (at most
// kTileQueries) rows at the positions first_position, first_position + 1, ... The heads of row i
// begin at query + i * query_stride, their results at out + i * out_stride. A row sees the `window`
// positions up to its own, or all before it if `window` is 0. Only where tiles_available(). A row's
// result does not depend on the others.
void attend_tiles(const float* query, std::size_t query_stride, std::size_t heads,
                  std::size_t count, std::size_t first_position, std::size_t head_size, float scale,
                  std::size_t window, std::span<const std::uint16_t* const> blocks, float* out,
                  std::size_t out_stride);
// The same over blocks of byte_attention.h.
void attend_tiles(const float* query, std::size_t query_stride, std::size_t heads,
                  std::size_t count, std::size_t first_position, std::size_t head_size, float scale,
                  std::size_t window, std::span<const std::byte* const> blocks, float* out,
                  std::size_t out_stride);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_ATTENTION_H_
