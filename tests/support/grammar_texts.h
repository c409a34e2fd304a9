// Texts to try grammars with.
#ifndef TANDEM_TESTS_SUPPORT_GRAMMAR_TEXTS_H_
#define TANDEM_TESTS_SUPPORT_GRAMMAR_TEXTS_H_

#include <string_view>

#include "generator/grammar/grammar.h"
#include "generator/grammar/machine.h"

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

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_GRAMMAR_TEXTS_H_
