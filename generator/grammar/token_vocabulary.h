// The tokens of a model as byte strings, laid out to be tried against a grammar.
#ifndef TANDEM_GENERATOR_GRAMMAR_TOKEN_VOCABULARY_H_
#define TANDEM_GENERATOR_GRAMMAR_TOKEN_VOCABULARY_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

namespace grammar {

// Tokens that share a beginning share a path. Nodes lie in the order of a walk from the root down,
// so that trying all tokens is one pass in which a rejected beginning is skipped with all that
// follow from it.
struct TokenTrie {
  struct Node {
    std::uint32_t end = 0;          // the first node after this one's descendants
    std::uint32_t first_token = 0;  // index into `tokens` of its own; the next node's is their end
    std::uint16_t depth = 0;
    std::uint8_t byte = 0;
  };
  std::vector<Node> nodes;  // a last one without content closes the list
  std::vector<TokenId> tokens;
};

}  // namespace grammar

// Built once for a tokenizer (some 200 ms for 262,144 tokens); immutable and safe from any thread.
class TokenVocabulary {
 public:
  // Tokens of more bytes are never allowed; they are runs of blanks or separators.
  static constexpr std::size_t kLongestTokenBytes = 255;

  // `ends` are the tokens that end a turn. `size` is the number of logits of the model, where it is
  // more than the tokenizer knows; the surplus is never allowed. Control tokens other than `ends`
  // are never allowed either.
  TokenVocabulary(const Tokenizer& tokenizer, std::span<const TokenId> ends, std::size_t size = 0);
  // From the tokens' bytes by id, empty for control tokens.
  TokenVocabulary(std::span<const std::string> tokens, std::span<const TokenId> ends);

  std::size_t size() const { return size_; }
  // Number of 64-bit words of a mask.
  std::size_t words() const { return (size_ + 63) / 64; }
  std::span<const TokenId> ends() const { return ends_; }
  bool is_end(TokenId id) const;
  // Empty for a token that is never part of a text, and for an id out of range.
  std::string_view bytes(TokenId id) const;
  // Length of the longest token that may be allowed.
  std::size_t longest_token_bytes() const { return longest_; }

  // Tokens that a JSON string may hold unescaped, in whole characters: nearly all of a vocabulary.
  // Inside a string they are all allowed or all too long, which no walk is needed to find out.
  const grammar::TokenTrie& plain() const { return plain_; }
  const grammar::TokenTrie& other() const { return other_; }
  // Mask of the plain tokens of at most `characters` >= 1.
  std::span<const std::uint64_t> plain_up_to(std::size_t characters) const;
  std::size_t longest_plain_characters() const { return plain_masks_.size(); }

 private:
  void build(std::span<const std::string> tokens, std::span<const TokenId> ends);

  std::size_t size_ = 0;
  std::size_t longest_ = 1;
  std::vector<TokenId> ends_;
  std::string text_;                    // the bytes of all tokens
  std::vector<std::uint32_t> offsets_;  // [size + 1], into text_
  grammar::TokenTrie plain_;
  grammar::TokenTrie other_;
  std::vector<std::vector<std::uint64_t>> plain_masks_;  // by characters - 1
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_GRAMMAR_TOKEN_VOCABULARY_H_
