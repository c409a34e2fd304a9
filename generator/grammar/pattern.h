// The `pattern` of a JSON Schema, a regular expression of ECMA-262, as an automaton.
//
// Understood: literals, escapes (\d \w \s and their opposites, \n \t ..., \xHH, \uHHHH), `.`,
// classes, groups, alternation, ? * + {n} {n,} {n,m}, lazy or not, and ^ and $ at the ends of the
// outermost alternatives. Refused by name: look-around, back-references, \b, \p{...}: they are
// either not regular or need tables that a schema is better off without.
#ifndef TANDEM_GENERATOR_GRAMMAR_PATTERN_H_
#define TANDEM_GENERATOR_GRAMMAR_PATTERN_H_

#include <string_view>

#include "generator/grammar/characters.h"

namespace tandem::grammar {

// Texts in which `pattern` matches somewhere, as JSON Schema has it; anchored at both ends the
// whole text. Throws kInvalidArgument for what is not understood and kTooLarge for an automaton
// beyond CharacterAutomaton::kMaxStates or work beyond a fixed bound.
CharacterAutomaton parse_pattern(std::string_view pattern);

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_PATTERN_H_
