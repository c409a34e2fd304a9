// One schema that demands what two demand, for `allOf` and for keywords beside `$ref` and `anyOf`.
#ifndef TANDEM_GENERATOR_GRAMMAR_SCHEMA_MERGE_H_
#define TANDEM_GENERATOR_GRAMMAR_SCHEMA_MERGE_H_

#include <string>
#include <string_view>

#include "generator/grammar/json_text.h"

namespace tandem::grammar {

// Keywords that describe and demand nothing.
bool is_annotation(std::string_view keyword);

// Both are objects without `$ref` and `allOf`, or booleans. Schemas of the same property become an
// `allOf` of the two. Throws kInvalidArgument, naming `path`, where the two cannot be one.
Json merge_schemas(const Json& a, const Json& b, const std::string& path);

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_SCHEMA_MERGE_H_
