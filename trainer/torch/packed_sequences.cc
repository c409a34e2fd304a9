#include "trainer/torch/packed_sequences.h"

#include <fmt/format.h>

#include "base/error.h"

namespace tandem::training {

PackedSequences pack(std::span<const std::vector<TokenId>> sequences, std::int64_t vocabulary,
                     std::int64_t longest) {
  PackedSequences packed;
  std::int64_t rows = 0;
  for (const auto& sequence : sequences) {
    const auto length = static_cast<std::int64_t>(sequence.size());
    if (length < 1 || length > longest)
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("a sequence of {} tokens, where 1 to {} are possible", length, longest));
    packed.begins.push_back(rows);
    packed.lengths.push_back(length);
    rows += length;
  }
  packed.tokens = at::empty({rows}, at::kLong);
  packed.positions = at::empty({rows}, at::kLong);
  auto* token = packed.tokens.mutable_data_ptr<std::int64_t>();
  auto* position = packed.positions.mutable_data_ptr<std::int64_t>();
  for (const auto& sequence : sequences) {
    std::int64_t at = 0;
    for (const TokenId id : sequence) {
      if (id < 0 || id >= vocabulary)
        throw Error(ErrorCode::kInvalidArgument,
                    fmt::format("token {} is not in the vocabulary of {}", id, vocabulary));
      *token++ = id;
      *position++ = at++;
    }
  }
  return packed;
}

}  // namespace tandem::training
