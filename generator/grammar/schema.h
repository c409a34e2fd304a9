// JSON Schema to program.
#ifndef TANDEM_GENERATOR_GRAMMAR_SCHEMA_H_
#define TANDEM_GENERATOR_GRAMMAR_SCHEMA_H_

#include "generator/grammar/json_text.h"
#include "generator/grammar/program.h"

namespace tandem::grammar {

// Throws kInvalidArgument and kTooLarge as Grammar::from_json_schema (grammar.h) does.
Program compile_schema(const Json& schema);
Program compile_any_object();

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_SCHEMA_H_
