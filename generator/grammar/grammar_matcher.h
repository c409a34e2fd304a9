// Holds one generated text to a grammar, token by token.
//
//   // once for a model
//   auto vocabulary = std::make_shared<const TokenVocabulary>(tokenizer, end_tokens, logits_size);
//   MaskLibrary library(vocabulary);
//   // for each sequence
//   GrammarMatcher matcher(library.of_schema(text));  // or of_any_object()
//   std::vector<std::uint64_t> allowed(vocabulary->words());
//   while (!matcher.finished()) {
//     ...                                // forward pass
//     if (!matcher.allowed(allowed)) ... // see there
//     mask_logits(logits, allowed);
//     matcher.accept(sampler.sample(logits, context));
//   }
//
// allowed() does not depend on the logits and can be called while they are computed. The penalty
// for repetition, temperature and the like come after mask_logits(). A draft of several tokens is
// verified by calling allowed() and accept() for each position in turn; those that the model then
// rejects are taken back with rollback(). A draft copied from elsewhere is cut where accept() first
// says false.
#ifndef TANDEM_GENERATOR_GRAMMAR_GRAMMAR_MATCHER_H_
#define TANDEM_GENERATOR_GRAMMAR_GRAMMAR_MATCHER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generator/grammar/machine.h"
#include "generator/grammar/token_masks.h"

namespace tandem {

// Used by one thread at a time; any number may share the masks.
class GrammarMatcher {
 public:
  explicit GrammarMatcher(std::shared_ptr<const TokenMasks> masks);
  GrammarMatcher(const GrammarMatcher&) = delete;
  GrammarMatcher& operator=(const GrammarMatcher&) = delete;

  // Sets bit id % 64 of word id / 64 for each token that may come next, and clears all others.
  // `bits` has vocabulary().words() words. Tokens that end the turn are among them exactly when the
  // text so far is complete. False if there is none: the text is finished, or the vocabulary cannot
  // spell what must follow, and then generation has to end with an error.
  bool allowed(std::span<std::uint64_t> bits);

  // Appends a token. False, and nothing changes, if it is not allowed. A token that ends the turn
  // finishes the text.
  bool accept(TokenId token);

  // Whether the text may end here.
  bool complete() const { return machine_.accepts(history_.back()); }
  // Whether a token that ends the turn was accepted.
  bool finished() const { return history_.back().empty(); }

  // Number of tokens accepted and not taken back.
  std::size_t size() const { return history_.size() - 1; }
  // Takes back the last `count` tokens, at most size().
  void rollback(std::size_t count);

  // The bytes that must follow, whatever the model would choose: keys of an object, for instance.
  // Empty if there is a choice, as before the optional space after a colon. They can be appended
  // without asking the model, encoded by its tokenizer; the last token of the encoding is better
  // left to the model, which may know a longer one that also holds what comes after.
  std::string forced();

  const TokenVocabulary& vocabulary() const { return masks_->vocabulary(); }

 private:
  bool advance(std::string_view bytes, grammar::State& state);
  void try_undecided(const std::vector<TokenId>& tokens, std::span<std::uint64_t> bits);

  std::shared_ptr<const TokenMasks> masks_;
  grammar::Stacks stacks_;
  grammar::Machine machine_;
  std::vector<grammar::State> history_;  // before the first token, and after each
  grammar::State scratch_;
};

// Gives no probability to what is not allowed: logits whose bit is not set, and those beyond the
// last bit, become minus infinity.
void mask_logits(std::span<float> logits, std::span<const std::uint64_t> allowed);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_GRAMMAR_GRAMMAR_MATCHER_H_
