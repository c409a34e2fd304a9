// Expressions of a template into trees, by the grammar of jinja2 3.1.
#ifndef TANDEM_GENERATOR_JINJA_EXPRESSION_PARSER_H_
#define TANDEM_GENERATOR_JINJA_EXPRESSION_PARSER_H_

#include <memory>

#include "generator/jinja/syntax.h"
#include "generator/jinja/token_cursor.h"

namespace tandem::jinja {

// Each takes its expression off the cursor. Throws kUnsupported naming the line. Nesting is limited
// by the cursor, and the height of a tree here: "a + a + a ..." needs no nesting and is as deep as
// it is long.
std::unique_ptr<Expr> parse_expression(TokenCursor& cursor);

// One expression, or several with commas between them: a tuple. Without `with_condition` an "if"
// after it is left to the caller.
std::unique_ptr<Expr> parse_tuple(TokenCursor& cursor, bool with_condition);

// The filters "| name(...) | name ..." on a constant that stands for their input. `inline_first`:
// the first stands without its '|', as in {% filter trim %}.
std::unique_ptr<Expr> parse_filters(TokenCursor& cursor, bool inline_first);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_EXPRESSION_PARSER_H_
