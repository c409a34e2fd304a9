// Two texts as one sequence of tokens, for a network that compares them.
#ifndef TANDEM_MODEL_TEXT_PAIR_H_
#define TANDEM_MODEL_TEXT_PAIR_H_

#include <cstddef>
#include <span>
#include <vector>

#include "model/bert.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct TextPair {
  std::vector<TokenId> tokens;
  std::size_t first_length = 0;  // tokens of the first text, its control tokens included
};

// How a network was trained to be given two texts: BERT `[CLS] first [SEP] second [SEP]`, the
// second of token type 1; RoBERTa and XLM-R `<s> first </s></s> second </s>`, without types.
// Immutable; safe from any thread.
class PairLayout {
 public:
  // Throws kUnsupported if the tokenizer has no tokens to put between two texts, or `max_tokens`
  // leaves no room for text beside them.
  PairLayout(const BertConfig& config, const Tokenizer& tokenizer, std::size_t max_tokens);

  // Longest sequence, control tokens included.
  std::size_t max_tokens() const { return max_tokens_; }
  // Texts that are too long together lose their ends: the longer one until both are equally long,
  // then both (`longest_first` of the package `tokenizers`). Beside a question that takes less than
  // half of the room, only the passage is cut.
  TextPair join(std::span<const TokenId> first, std::span<const TokenId> second) const;

 private:
  std::vector<TokenId> prefix_, between_, suffix_;
  std::size_t max_tokens_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TEXT_PAIR_H_
