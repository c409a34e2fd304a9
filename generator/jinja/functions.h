// The functions that a template finds beside its variables.
#ifndef TANDEM_GENERATOR_JINJA_FUNCTIONS_H_
#define TANDEM_GENERATOR_JINJA_FUNCTIONS_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "generator/jinja/value.h"

namespace tandem::jinja {

std::optional<Function> find_function(std::string_view name);

// A namespace that it makes is put into `namespaces`, which must outlive the value. raise_exception
// throws kInvalidArgument with its message.
Value call_function(Function function, const Arguments& arguments,
                    std::deque<Namespace>& namespaces, Budget& budget);

void set_attribute(Namespace& space, const std::string& name, Value value);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_FUNCTIONS_H_
