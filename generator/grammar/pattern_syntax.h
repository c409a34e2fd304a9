// The tree that a pattern is parsed into.
#ifndef TANDEM_GENERATOR_GRAMMAR_PATTERN_SYNTAX_H_
#define TANDEM_GENERATOR_GRAMMAR_PATTERN_SYNTAX_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "generator/grammar/characters.h"

namespace tandem::grammar {

enum class PatternKind {
  kSet,       // one character of `set`
  kSequence,  // children, one after the other
  kChoice,    // one of children
  kRepeat,    // children[0], min to max times
};

struct PatternNode {
  PatternKind kind = PatternKind::kSet;
  CharacterSet set = {};
  std::vector<PatternNode> children = {};
  std::uint32_t min = 0;
  std::uint32_t max = kUnlimited;
};

// The tree matches whole texts: where the pattern has no anchor, any text stands there. Throws as
// parse_pattern does.
PatternNode parse_pattern_syntax(std::string_view pattern);

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_PATTERN_SYNTAX_H_
