#include "model/text_pair.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace tandem {

PairLayout::PairLayout(const BertConfig& config, const Tokenizer& tokenizer, std::size_t max_tokens)
    : prefix_(tokenizer.prefix().begin(), tokenizer.prefix().end()),
      between_(tokenizer.suffix().begin(), tokenizer.suffix().end()),
      suffix_(between_),
      max_tokens_(std::min(max_tokens, static_cast<std::size_t>(config.max_positions))) {
  if (prefix_.empty() || suffix_.empty())
    throw Error(ErrorCode::kUnsupported,
                "the tokenizer has no tokens such as [CLS] and [SEP] to put around two texts",
                "choose a model of the BERT or XLM-R family");
  if (config.is_roberta()) between_.insert(between_.end(), suffix_.begin(), suffix_.end());
  if (max_tokens_ < prefix_.size() + between_.size() + suffix_.size() + 2)
    throw Error(ErrorCode::kUnsupported,
                fmt::format("sequences of {} tokens leave no room for two texts", max_tokens_),
                "choose a model that takes longer ones");
}

TextPair PairLayout::join(std::span<const TokenId> first, std::span<const TokenId> second) const {
  const std::size_t room = max_tokens_ - prefix_.size() - between_.size() - suffix_.size();
  if (first.size() + second.size() > room) {
    const std::size_t shorter = std::min(first.size(), second.size());
    const bool first_is_longer = first.size() > second.size();
    std::size_t kept = shorter;  // of the shorter one
    if (2 * shorter > room) kept = room / 2;
    first = first.first(first_is_longer ? room - kept : kept);
    second = second.first(first_is_longer ? kept : room - kept);
  }
  TextPair pair;
  pair.tokens.reserve(max_tokens_);
  const auto append = [&](std::span<const TokenId> tokens) {
    pair.tokens.insert(pair.tokens.end(), tokens.begin(), tokens.end());
  };
  append(prefix_);
  append(first);
  append(between_);
  pair.first_length = pair.tokens.size();
  append(second);
  append(suffix_);
  return pair;
}

}  // namespace tandem
