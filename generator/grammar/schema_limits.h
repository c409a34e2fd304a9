// What is checked of a schema before anything is built from it.
#ifndef TANDEM_GENERATOR_GRAMMAR_SCHEMA_LIMITS_H_
#define TANDEM_GENERATOR_GRAMMAR_SCHEMA_LIMITS_H_

#include <string>

#include "generator/grammar/json_text.h"

namespace tandem::grammar {

// An OpenAI schema has at most 5000 properties and 1000 enumerated values; these bounds are above
// that, so that they refuse attacks and no one else.
inline constexpr std::size_t kMaxSchemaValues = 60'000;      // JSON values of all kinds
inline constexpr std::size_t kMaxSchemaTextBytes = 1 << 20;  // of all strings and keys
inline constexpr int kMaxSchemaJsonDepth = 200;
inline constexpr int kMaxSchemaDepth = 100;                  // schemas inside each other
inline constexpr std::size_t kMaxProperties = 1'000;         // of one object
inline constexpr std::size_t kMaxNameBytes = 1'000;          // of one property
inline constexpr std::size_t kMaxAlternatives = 256;         // of one anyOf
inline constexpr std::uint32_t kMaxRequiredCount = 100'000;  // minLength, minItems

// Throws kTooLarge, or kInvalidArgument for nesting. Uses no recursion.
void check_schema_size(const Json& schema);

// Throws kInvalidArgument if `schema`, an object at `path`, has a keyword that changes what it
// means and is not understood.
void check_keywords(const Json& schema, const std::string& path);

// Number of JSON values in `value`, which passed check_schema_size.
std::size_t count_values(const Json& value);

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_SCHEMA_LIMITS_H_
