// Texts and vocabularies to try grammars with.
#ifndef TANDEM_TESTS_SUPPORT_GRAMMAR_TEXTS_H_
#define TANDEM_TESTS_SUPPORT_GRAMMAR_TEXTS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "generator/grammar/grammar.h"
#include "generator/grammar/machine.h"
#include "generator/grammar/token_vocabulary.h"

namespace tandem::testing {

// How far `text` is the beginning of a text of the grammar, in bytes; text.size() + 1 if it is a
// whole one.
inline std::size_t accepted_bytes(const Grammar& grammar, std::string_view text) {
  grammar::Stacks stacks;
  grammar::Machine machine(grammar.program(), stacks);
  grammar::State state;
  grammar::State next;
  machine.start(state);
  for (std::size_t i = 0; i < text.size(); ++i) {
    machine.step(state, static_cast<std::uint8_t>(text[i]), next);
    if (next.empty()) return i;
    std::swap(state, next);
  }
  return text.size() + (machine.accepts(state) ? 1 : 0);
}

inline bool accepts(const Grammar& grammar, std::string_view text) {
  return accepted_bytes(grammar, text) == text.size() + 1;
}

// Every byte as a token of its own, tokens as they occur in vocabularies (whole words, ends of
// strings and of objects in one, parts of characters), one token twice, and at last a control token
// and one that ends a turn.
inline std::vector<std::string> small_vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* text :
       {"the",      " the",     "name",    "\"name\"", "\": ",         "\",",    "\", \"",
        "\"}",      "\"}]",     "}}",      "}}}",      "}]}",          "\"}}}}", "\"}]}]",
        ", ",       ": ",       "{\"",     "[{\"",     "true",         "false",  "null",
        "nul",      "12",       "123456",  "0.5",      "e+1",          "-1",     "\\n",
        "\\\"",     "\\u00",    "\\ud83d", "é",        "日本",         "\xE6",   "\x97\xA5",
        "\xF0\x9F", "\x98\x80", "a",       "ab",       "abc",          "   ",    "\n",
        "\t\"",     "2024-",    "-02-",    "],[",      "[]",           "{}",     "\":{\"",
        "\":\"",    "value\"",  "x\":",    "\"a\":1",  "x\"}]}, \"y\""})
    tokens.emplace_back(text);
  tokens.emplace_back();
  tokens.emplace_back();
  return tokens;
}

inline std::shared_ptr<const TokenVocabulary> make_small_vocabulary() {
  const auto tokens = small_vocabulary();
  const TokenId ends[] = {static_cast<TokenId>(tokens.size() - 1)};
  return std::make_shared<const TokenVocabulary>(tokens, ends);
}

inline bool has_bit(const std::vector<std::uint64_t>& bits, TokenId id) {
  return (bits[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1) != 0;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_GRAMMAR_TEXTS_H_
