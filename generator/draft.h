// Prompt-lookup drafts (Saxena 2023; Yang et al. 2023, "Inference with Reference",
// arXiv:2304.04487): answers from retrieved text repeat it, so what followed the last tokens when
// they occurred before is a good guess at what follows now. The network checks a whole draft in one
// step, which reads the weights once.
//
// How many tokens are guessed follows how many guesses came true, so that text which repeats
// nothing costs nothing.
#ifndef TANDEM_GENERATOR_DRAFT_H_
#define TANDEM_GENERATOR_DRAFT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Of one sequence; used by one thread at a time.
class Drafter {
 public:
  // No draft is longer.
  static constexpr std::size_t kMaxTokens = 15;

  // What follows the last occurrence of the end of `context` within it, or nothing. `context` only
  // ever grows from call to call. At most `limit` tokens.
  std::span<const TokenId> draft(std::span<const TokenId> context, std::size_t limit);

  // Tells how many tokens of the last draft came true.
  void learn(std::size_t drafted, std::size_t accepted);

 private:
  void index(std::span<const TokenId> context);

  // The position after each run of tokens, the latest one.
  std::unordered_map<std::uint64_t, std::uint32_t> after_;
  std::size_t indexed_ = 0;
  std::size_t length_ = 4;    // of the next draft
  std::size_t pause_ = 0;     // steps without a draft from now on
  std::size_t failures_ = 0;  // drafts in a row of which nothing came true
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_DRAFT_H_
