// Attributes, subscripts and arithmetic, as Python and jinja2 define them.
#ifndef TANDEM_GENERATOR_JINJA_OPERATORS_H_
#define TANDEM_GENERATOR_JINJA_OPERATORS_H_

#include <string_view>

#include "generator/jinja/value.h"

namespace tandem::jinja {

// object.name: a method, else the item of that name, else an undefined value. Fails for an object
// that is itself undefined.
Value get_attribute(const Value& object, std::string_view name, Budget& budget);

// object[key]: the item, else for a string the attribute of that name, else an undefined value.
Value get_item(const Value& object, const Value& key, Budget& budget);

// object[first:last:step]; None for what was left out.
Value get_slice(const Value& object, const Value& first, const Value& last, const Value& step,
                Budget& budget);

// `op` is one of + - * / // % **.
Value arithmetic(std::string_view op, const Value& a, const Value& b, Budget& budget);
Value negate(const Value& value, Budget& budget);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_OPERATORS_H_
