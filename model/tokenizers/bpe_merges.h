// The merge rules of byte-pair encoding and their application to one piece of text.
#ifndef TANDEM_MODEL_TOKENIZERS_BPE_MERGES_H_
#define TANDEM_MODEL_TOKENIZERS_BPE_MERGES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Immutable after the last add(); apply() may then be called from any thread.
class BpeMerges {
 public:
  explicit BpeMerges(std::size_t expected);

  // `left` next to `right` becomes `merged`. Rules come in order of rank; a pair that has a rule
  // already keeps its place but takes the new one, as in the reference.
  void add(TokenId left, TokenId right, TokenId merged);

  // Merges `ids` in place; returns how many remain at its front.
  std::size_t apply(std::span<TokenId> ids) const;

 private:
  struct Rule {
    std::uint64_t pair = UINT64_MAX;  // left in the high half
    std::uint32_t rank = UINT32_MAX;
    TokenId merged = -1;
  };

  static std::uint64_t pair_of(TokenId left, TokenId right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
           static_cast<std::uint32_t>(right);
  }
  static std::size_t hash_of(std::uint64_t pair) {
    return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15u) >> 32);
  }
  const Rule& find(TokenId left, TokenId right) const;
  std::size_t apply_to_short(std::span<TokenId> ids) const;
  std::size_t apply_to_long(std::span<TokenId> ids) const;

  std::vector<Rule> rules_;  // open addressing, a power of two, at most half full
  std::size_t mask_;
  std::uint32_t next_rank_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_BPE_MERGES_H_
