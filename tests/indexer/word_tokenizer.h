// A tokenizer that a test can count by hand.
#ifndef TANDEM_TESTS_INDEXER_WORD_TOKENIZER_H_
#define TANDEM_TESTS_INDEXER_WORD_TOKENIZER_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem::testing {

// One token for each word between white space or, with `word_bytes`, for each started group of that
// many bytes in it.
class WordTokenizer : public Tokenizer {
 public:
  explicit WordTokenizer(std::size_t word_bytes = SIZE_MAX) : word_bytes_(word_bytes) {}

  std::size_t count(std::string_view text) const override {
    counted_bytes += text.size();
    std::size_t tokens = 0;
    std::size_t run = 0;
    for (const char c : text) {
      if (c == ' ' || c == '\n' || c == '\t') {
        run = 0;
      } else if (run++ % word_bytes_ == 0) {
        ++tokens;
      }
    }
    return tokens;
  }
  std::vector<TokenId> encode(std::string_view text, ControlTokens) const override {
    return std::vector<TokenId>(count(text));
  }
  std::span<const TokenId> prefix() const override { return {}; }
  std::span<const TokenId> suffix() const override { return {}; }
  std::string token_bytes(TokenId) const override { return {}; }
  bool is_control(TokenId) const override { return false; }
  std::optional<TokenId> find(std::string_view) const override { return {}; }
  std::size_t vocabulary_size() const override { return 1; }

  // How much text was ever counted, for tests of cost. Tests use it from one thread.
  mutable std::size_t counted_bytes = 0;

 private:
  std::size_t word_bytes_;
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_INDEXER_WORD_TOKENIZER_H_
