// Attention of the rows of a prompt by tiles, over the cache that attention.h describes. Tiles
// multiply bfloat16 numbers: keys are split into two of them without loss, queries nearly so, and
// scores are the sum of three products; values and weights are rounded once.
#ifndef TANDEM_MODEL_KERNELS_TILE_ATTENTION_H_
#define TANDEM_MODEL_KERNELS_TILE_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/kernels/attention.h"

namespace tandem::kernels {

inline constexpr std::size_t kTileQueries = 16;

// Whether heads of this size can be computed by tiles: whole tiles of 32 numbers.
constexpr bool tiles_take_heads(std::size_t head_size) {
  return head_size % 32 == 0 && head_size <= 256;
}

// As attend(), for at most kTileQueries rows. Only where tile_unit() is not kNone. A row's result
// does not depend on the others, but it is not the one that attend() gives.
void attend_tiles(const QueryRun& run, std::span<const std::uint16_t* const> blocks);
// The same over blocks of byte_attention.h.
void attend_tiles(const QueryRun& run, std::span<const std::byte* const> blocks);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_ATTENTION_H_
