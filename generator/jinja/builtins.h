// Filters, tests and methods that templates may use, with the results of jinja2 and Python.
#ifndef TANDEM_GENERATOR_JINJA_BUILTINS_H_
#define TANDEM_GENERATOR_JINJA_BUILTINS_H_

#include <string_view>

#include "generator/jinja/value.h"

namespace tandem::jinja {

bool is_filter(std::string_view name);
// `name` must be a filter.
Value call_filter(std::string_view name, const Value& input, const Arguments& arguments,
                  Budget& budget);

bool is_test(std::string_view name);
// `name` must be a test.
bool call_test(std::string_view name, const Value& input, const Arguments& arguments,
               Budget& budget);

bool has_method(const Value& object, std::string_view name);
Value call_method(const BoundMethod& method, const Arguments& arguments, Budget& budget);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_BUILTINS_H_
