// Attention of all rows of a text to all of them, as in BERT, by tiles.
#ifndef TANDEM_MODEL_KERNELS_TILE_SELF_ATTENTION_H_
#define TANDEM_MODEL_KERNELS_TILE_SELF_ATTENTION_H_

#include <cstddef>

#include "model/kernels/tiles.h"

namespace tandem::kernels {

// Rows [first_row, first_row + length) of `parts` are a text; a row holds [query, key,
// value][heads] [head_size]. Their results become the same rows of `out`, [heads][head_size]. Both
// have at least 16 rows more than any text ends at. `head_size` is a multiple of 32. Only where
// tile_unit() is not kNone.
void attend_to_all(const BrainRows& parts, std::size_t first_row, std::size_t length,
                   std::size_t heads, std::size_t head_size, const BrainRows& out);

}  // namespace tandem::kernels

#endif  // TANDEM_MODEL_KERNELS_TILE_SELF_ATTENTION_H_
