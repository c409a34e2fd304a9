// The form that a generated text must have: a JSON Schema, or any JSON object.
//
// What is generated under a grammar always parses and satisfies the schema; not every text that
// satisfies it can be generated. Objects have their properties in the order of the schema; white
// space is at most one space after a comma or colon; numbers have a bounded number of digits. An
// object that lists `properties` and does not mention `additionalProperties` has no others, and a
// tuple nothing after its items, for a model would make them up.
//
// Understood: type (also a list), properties, required, additionalProperties, items, prefixItems,
// minItems, maxItems, enum, const, anyOf, oneOf (as anyOf), allOf and keywords beside `$ref` where
// they can be merged, $ref into the schema itself, also recursive, minLength, maxLength, pattern
// (pattern.h), format (date, time, date-time, duration, uuid, email, hostname, ipv4; others are
// remarks), minimum, maximum, exclusiveMinimum, exclusiveMaximum (of numbers that are not integers,
// whole ones only). Annotations are ignored. Keywords that would change the meaning are refused.
#ifndef TANDEM_GENERATOR_GRAMMAR_GRAMMAR_H_
#define TANDEM_GENERATOR_GRAMMAR_GRAMMAR_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace tandem {

namespace grammar {
struct Program;
}

// Immutable; safe from any thread.
class Grammar {
 public:
  // The schema's text, or its value with the order of keys kept: a plain nlohmann::json has sorted
  // them. Throws kInvalidArgument, naming the place, for what is no schema, is not understood, or
  // that no finite text satisfies, and kTooLarge beyond the bounds of schema_limits.h, all before
  // any token is generated. Takes well under a millisecond for an ordinary schema; a hostile one is
  // refused after a bounded time.
  static std::shared_ptr<const Grammar> parse_json_schema(std::string_view text);
  static std::shared_ptr<const Grammar> from_json_schema(const nlohmann::ordered_json& schema);
  static std::shared_ptr<const Grammar> any_json_object();

  explicit Grammar(grammar::Program program);
  ~Grammar();
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  const grammar::Program& program() const { return *program_; }

 private:
  std::unique_ptr<const grammar::Program> program_;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_GRAMMAR_GRAMMAR_H_
