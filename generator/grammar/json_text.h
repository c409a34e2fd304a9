// The lexical parts of JSON as states of a program.
#ifndef TANDEM_GENERATOR_GRAMMAR_JSON_TEXT_H_
#define TANDEM_GENERATOR_GRAMMAR_JSON_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "generator/grammar/program_builder.h"

namespace tandem::grammar {

using Json = nlohmann::ordered_json;

// A string of min to max code points, quotes included: valid UTF-8, every escape of JSON, and
// surrogates only in pairs.
Address emit_string(std::uint32_t min, std::uint32_t max, Address next, ProgramBuilder& builder);

// A key that is none of `names`. It has no escapes: with them every name could be spelled in
// thousands of ways, and an object with one key twice would pass for valid.
Address emit_other_key(const std::vector<std::string>& names, Address next,
                       ProgramBuilder& builder);

// Exactly `value`, its keys in their order, with the white space that separators allow.
Address emit_value(const Json& value, Address next, ProgramBuilder& builder);

// `text` as a JSON string, quotes included.
std::string quoted(const std::string& text);

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_JSON_TEXT_H_
