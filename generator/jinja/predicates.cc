// What stands after "is": the tests of jinja2.
#include <fmt/format.h>

#include <map>

#include "generator/jinja/builtins.h"
#include "generator/jinja/operators.h"

namespace tandem::jinja {
namespace {

using Test = bool (*)(const Value& input, const Arguments& arguments, Budget& budget);

const Value& required(const Arguments& arguments, std::string_view name, const Budget& budget) {
  const Value* value = arguments.find(0, name);
  if (value == nullptr) budget.fail(fmt::format("an argument is missing: '{}'", name));
  return *value;
}

std::int64_t test_integer(const Value& input, Budget& budget) {
  return require_integer(input, "the left side of a test", budget);
}

bool ordered(const Value& input, const Arguments& arguments, Budget& budget, bool (*passes)(int)) {
  return passes(order(input, required(arguments, "other", budget), budget));
}

bool is_equal(const Value& input, const Arguments& arguments, Budget& budget) {
  return equal(input, required(arguments, "other", budget), budget);
}

const std::map<std::string_view, Test>& tests() {
  static const std::map<std::string_view, Test> kTests = {
      {"defined",
       [](const Value& input, const Arguments&, Budget&) { return !input.is_undefined(); }},
      {"undefined",
       [](const Value& input, const Arguments&, Budget&) { return input.is_undefined(); }},
      {"none", [](const Value& input, const Arguments&, Budget&) { return input.is_none(); }},
      {"string",
       [](const Value& input, const Arguments&, Budget&) { return input.as_text() != nullptr; }},
      {"mapping",
       [](const Value& input, const Arguments&, Budget&) { return input.as_dict() != nullptr; }},
      // jinja2 counts an undefined value among these two.
      {"iterable",
       [](const Value& input, const Arguments&, Budget&) {
         return input.as_text() || input.as_list() || input.as_dict() || input.is_undefined();
       }},
      {"sequence",
       [](const Value& input, const Arguments&, Budget&) {
         return input.as_text() || input.as_list() || input.as_dict() || input.is_undefined();
       }},
      {"number", [](const Value& input, const Arguments&, Budget&) { return input.is_number(); }},
      {"integer",
       [](const Value& input, const Arguments&, Budget&) { return input.is<std::int64_t>(); }},
      {"float", [](const Value& input, const Arguments&, Budget&) { return input.is<double>(); }},
      {"boolean", [](const Value& input, const Arguments&, Budget&) { return input.is<bool>(); }},
      {"true", [](const Value& input, const Arguments&,
                  Budget&) { return input.is<bool>() && truth(input); }},
      {"false", [](const Value& input, const Arguments&,
                   Budget&) { return input.is<bool>() && !truth(input); }},
      {"callable",
       [](const Value& input, const Arguments&, Budget&) { return input.is_callable(); }},
      {"odd", [](const Value& input, const Arguments&,
                 Budget& budget) { return test_integer(input, budget) % 2 != 0; }},
      {"even", [](const Value& input, const Arguments&,
                  Budget& budget) { return test_integer(input, budget) % 2 == 0; }},
      {"divisibleby",
       [](const Value& input, const Arguments& arguments, Budget& budget) {
         return !truth(arithmetic("%", input, required(arguments, "num", budget), budget));
       }},
      {"in",
       [](const Value& input, const Arguments& arguments, Budget& budget) {
         return contains(required(arguments, "seq", budget), input, budget);
       }},
      {"eq", is_equal},
      {"equalto", is_equal},
      {"ne", [](const Value& input, const Arguments& arguments,
                Budget& budget) { return !is_equal(input, arguments, budget); }},
      {"lt",
       [](const Value& input, const Arguments& arguments, Budget& budget) {
         return ordered(input, arguments, budget, [](int sign) { return sign < 0; });
       }},
      {"gt",
       [](const Value& input, const Arguments& arguments, Budget& budget) {
         return ordered(input, arguments, budget, [](int sign) { return sign > 0; });
       }},
      {"le",
       [](const Value& input, const Arguments& arguments, Budget& budget) {
         return ordered(input, arguments, budget, [](int sign) { return sign <= 0; });
       }},
      {"ge",
       [](const Value& input, const Arguments& arguments, Budget& budget) {
         return ordered(input, arguments, budget, [](int sign) { return sign >= 0; });
       }},
  };
  return kTests;
}

}  // namespace

// jinja2 also knows "==" and the like as names of tests, for select() and its kin.
bool is_test(std::string_view name) {
  return name == "==" || tests().contains(name);
}

bool call_test(std::string_view name, const Value& input, const Arguments& arguments,
               Budget& budget) {
  if (name == "==") return is_equal(input, arguments, budget);
  return tests().at(name)(input, arguments, budget);
}

}  // namespace tandem::jinja
