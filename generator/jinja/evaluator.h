// Runs a parsed template.
#ifndef TANDEM_GENERATOR_JINJA_EVALUATOR_H_
#define TANDEM_GENERATOR_JINJA_EVALUATOR_H_

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "generator/jinja/syntax.h"

namespace tandem::jinja {

// The text of `body` with `variables` at hand. Throws kInvalidArgument for what the template cannot
// do with these values or refuses by raise_exception, kUnsupported for what this interpreter lacks,
// kTooLarge when the budget is spent. Safe from any thread.
Text evaluate(const Node::Body& body, std::vector<std::pair<std::string, Value>> variables,
              Budget& budget);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_EVALUATOR_H_
