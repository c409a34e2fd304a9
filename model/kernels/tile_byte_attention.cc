#include <algorithm>
#include <vector>

#include "base/error.h"
#include "model/kernels/byte_attention.h"
#include "model/kernels/page_memory.h"
#include "model/kernels/tile_attention.h"

namespace tandem::kernels {

// Tiles want bfloat16 anyway, which blocks of halves are brought to on the way; 16 rows share what
// it takes to expand a block to halves first.
void attend_tiles(const QueryRun& run, std::span<const std::byte* const> blocks) {
  const std::size_t head_size = run.head_size;
  TANDEM_CHECK(tiles_take_heads(head_size));
  const std::size_t end = run.end_of(run.rows - 1);
  const std::size_t first_block = run.begin_of(0) / kBlockPositions;
  const std::size_t end_block = (end - 1) / kBlockPositions + 1;
  const std::size_t elements = 2 * block_elements(head_size);

  thread_local PageBuffer expanded;
  auto* const halves = scratch_of<std::uint16_t>(expanded, (end_block - first_block) * elements);
  thread_local std::vector<const std::uint16_t*> expanded_blocks;
  expanded_blocks.assign(end_block, nullptr);  // no row sees those before the first
  for (std::size_t i = first_block; i < end_block; ++i) {
    std::uint16_t* const to = halves + (i - first_block) * elements;
    expand_block(blocks[i], head_size, to);
    expanded_blocks[i] = to;
  }

  const std::size_t width = run.heads * head_size;
  thread_local std::vector<float> queries;
  queries.resize(kTileQueries * width);
  for (std::size_t row = 0; row < run.rows; ++row) {
    std::copy_n(run.query + row * run.query_stride, width, &queries[row * width]);
    for (std::size_t h = 0; h < run.heads; ++h)
      spread(&queries[row * width + h * head_size], head_size);
  }
  QueryRun spread_run = run;
  spread_run.query = queries.data();
  spread_run.query_stride = width;
  attend_tiles(spread_run, std::span<const std::uint16_t* const>(expanded_blocks));
  for (std::size_t row = 0; row < run.rows; ++row)
    for (std::size_t h = 0; h < run.heads; ++h)
      spread(run.out + row * run.out_stride + h * head_size, head_size);
}

}  // namespace tandem::kernels
