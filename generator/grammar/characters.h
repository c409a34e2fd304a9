// Deterministic automata over code points: what patterns, formats and bounds of strings and numbers
// are made of before they become bytes.
#ifndef TANDEM_GENERATOR_GRAMMAR_CHARACTERS_H_
#define TANDEM_GENERATOR_GRAMMAR_CHARACTERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "generator/grammar/program_builder.h"

namespace tandem::grammar {

struct CharacterRange {
  char32_t first = 0;
  char32_t last = 0;
};

// Sorted, disjoint, without surrogates.
using CharacterSet = std::vector<CharacterRange>;

// Sorts and merges; what is beyond Unicode's scalar values falls away.
CharacterSet normalise(CharacterSet ranges);
CharacterSet complement(const CharacterSet& set);

struct CharacterAutomaton {
  // More states are refused with kTooLarge: a pattern may need exponentially many.
  static constexpr std::size_t kMaxStates = 10'000;

  struct Edge {
    CharacterRange range;
    std::uint32_t target = 0;
  };
  struct State {
    bool accepts = false;
    std::vector<Edge> edges;  // sorted, disjoint
  };
  std::vector<State> states;  // the first is the start; none: no text matches
};

// Texts that both accept.
CharacterAutomaton intersect(const CharacterAutomaton& a, const CharacterAutomaton& b);
// Texts of min to max code points; max may be kUnlimited.
CharacterAutomaton any_text(std::uint32_t min, std::uint32_t max);
// Without the states from which no text can be completed.
CharacterAutomaton trim(const CharacterAutomaton& automaton);

// The automaton as states over bytes, in UTF-8 and with the escapes that JSON requires inside a
// string. An accepted text goes on at `next`.
Address emit(const CharacterAutomaton& automaton, Address next, ProgramBuilder& builder);

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_CHARACTERS_H_
