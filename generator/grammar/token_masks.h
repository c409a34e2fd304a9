// Which tokens a grammar allows next, remembered for each state in which that was asked.
//
// Most tokens are decided by the instruction that the text has come to and the next few frames of
// the stack; only those that would return further need the rest of it. So an entry is kept for a
// state whose stack is cut off there and whose counts are cut down to what one token can change,
// with the tokens that remain to be tried at each step. That tokens fall into these two kinds, and
// that the second is small, is the observation of XGrammar (Dong et al. 2024, arXiv:2411.15100,
// section 3.1); entries there belong to a position in a rule and know nothing of the stack.
#ifndef TANDEM_GENERATOR_GRAMMAR_TOKEN_MASKS_H_
#define TANDEM_GENERATOR_GRAMMAR_TOKEN_MASKS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "generator/grammar/grammar.h"
#include "generator/grammar/machine.h"
#include "generator/grammar/token_vocabulary.h"

namespace tandem {

namespace grammar {

// Allowed are the plain tokens of up to `plain_characters`, those of `tokens` and of `words`.
struct TokenMask {
  std::size_t plain_characters = 0;
  std::vector<TokenId> tokens;
  std::vector<std::uint64_t> words;  // instead of `tokens` where these are many
  std::vector<TokenId> undecided;    // in the order of their bytes

  std::size_t size_bytes() const;
};

// The entry for a state and all states that one token cannot tell from it. Used by one thread.
TokenMask make_token_mask(const Program& program, const TokenVocabulary& vocabulary,
                          const State& state, const Stacks& stacks);

}  // namespace grammar

// A grammar and a vocabulary together. Shared by all sequences that use both; safe from any thread.
class TokenMasks {
 public:
  static constexpr std::size_t kDefaultBytes = std::size_t{32} << 20;

  // `max_bytes` bounds what is remembered. When it is reached everything is forgotten and built
  // anew where needed, as RE2 does with its states: what is in use comes back within a few steps.
  TokenMasks(std::shared_ptr<const Grammar> grammar,
             std::shared_ptr<const TokenVocabulary> vocabulary,
             std::size_t max_bytes = kDefaultBytes);

  const Grammar& grammar() const { return *grammar_; }
  const TokenVocabulary& vocabulary() const { return *vocabulary_; }

  std::shared_ptr<const grammar::TokenMask> find(const grammar::State& state,
                                                 const grammar::Stacks& stacks) const;

  std::size_t size_bytes() const;
  std::size_t entries() const;

 private:
  const std::shared_ptr<const Grammar> grammar_;
  const std::shared_ptr<const TokenVocabulary> vocabulary_;
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::shared_ptr<const grammar::TokenMask>> masks_;
  mutable std::size_t bytes_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_GRAMMAR_TOKEN_MASKS_H_
