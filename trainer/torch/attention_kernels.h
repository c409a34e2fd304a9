// Attention within sequences that lie one after another, forward and backward, in bfloat16:
// products by oneDNN's block kernels with sums in float, everything between them in one pass.
//
// The unit of work is one sequence and one head of keys, with all heads of queries that read it.
// Scores of 64 queries at a time are held, and computed once more backward, so that memory grows
// with the length of a sequence, not with its square (Dao et al. 2022, arXiv:2205.14135).
#ifndef TANDEM_TRAINER_TORCH_ATTENTION_KERNELS_H_
#define TANDEM_TRAINER_TORCH_ATTENTION_KERNELS_H_

#include <c10/util/BFloat16.h>

#include <cstdint>

#include "model/decoder_config.h"

namespace tandem::training {

struct AttentionShape {
  std::int64_t heads, kv_heads, size;
  float scale;          // of products of queries and keys
  bool causal;          // a query reads the keys up to its own
  std::int64_t window;  // and of these the last so many; 0: all
  // Queries and keys are turned by their position (Su et al. 2021, arXiv:2104.09864, equation 13):
  // the first 2 * turned_pairs numbers of a head, by cosines and sines [positions, turned_pairs].
  RotaryPairs pairs;
  std::int64_t turned_pairs;  // 0: none
  const float* cosines;
  const float* sines;

  // Numbers of a row: the heads of its query, of its key, of its value.
  std::int64_t row_width() const { return (heads + 2 * kv_heads) * size; }
};

// One sequence: pointers to its first row.
struct AttentionRows {
  std::int64_t length;
  const c10::BFloat16* rows;  // [length, row_width()]
  c10::BFloat16* context;     // [length, heads * size]
  float* log_sums;            // [length, heads], of the exponentials of a query's scores
};

// Whether the processor has what the products take.
bool has_attention_kernels();

// Writes the context and sums of the query heads that read `kv_head`. Safe from many threads on
// different sequences or heads, each of which calls release_attention_kernels() in the end.
void attend(const AttentionShape& shape, const AttentionRows& sequence, std::int64_t kv_head);

// Writes to `gradient` [length, row_width()] that of all heads that belong to `kv_head`, given that
// of the context.
void attend_gradient(const AttentionShape& shape, const AttentionRows& sequence,
                     const c10::BFloat16* context_gradient, c10::BFloat16* gradient,
                     std::int64_t kv_head);

void release_attention_kernels();

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_ATTENTION_KERNELS_H_
