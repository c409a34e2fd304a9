// Sequences one after another, without padding: rows of a matrix for whatever takes tokens one by
// one, parts of it for attention.
#ifndef TANDEM_TRAINER_TORCH_PACKED_SEQUENCES_H_
#define TANDEM_TRAINER_TORCH_PACKED_SEQUENCES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/tokenizers/tokenizer.h"
#include "trainer/torch/aten.h"

namespace tandem::training {

struct PackedSequences {
  at::Tensor tokens;                  // [rows], 64-bit integers
  at::Tensor positions;               // [rows], from 0 in each sequence
  std::vector<std::int64_t> lengths;  // of each sequence, none 0
  std::vector<std::int64_t> begins;   // its first row

  std::int64_t rows() const { return tokens.size(0); }
};

// Throws kInvalidArgument for a token outside the vocabulary or a sequence that is empty or longer
// than `longest`.
PackedSequences pack(std::span<const std::vector<TokenId>> sequences, std::int64_t vocabulary,
                     std::int64_t longest);

}  // namespace tandem::training

#endif  // TANDEM_TRAINER_TORCH_PACKED_SEQUENCES_H_
