// Templates into trees, by the grammar of jinja2 3.1.
#ifndef TANDEM_GENERATOR_JINJA_PARSER_H_
#define TANDEM_GENERATOR_JINJA_PARSER_H_

#include <string_view>

#include "generator/jinja/syntax.h"

namespace tandem::jinja {

// Throws kUnsupported naming the line and the construct that is not understood. Nesting is limited,
// so that neither parsing nor evaluating nor freeing the tree can exhaust the stack.
Node::Body parse(std::string_view source);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_PARSER_H_
