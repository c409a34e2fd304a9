#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "base/utf8.h"
#include "generator/jinja/builtins.h"
#include "generator/jinja/operators.h"
#include "generator/jinja/strings.h"

namespace tandem::jinja {
namespace {

using Filter = Value (*)(const Value& input, const Arguments& arguments, Budget& budget);

bool flag(const Arguments& arguments, std::size_t index, std::string_view name) {
  const Value* value = arguments.find(index, name);
  return value != nullptr && truth(*value);
}

const Value& required(const Arguments& arguments, std::size_t index, std::string_view name,
                      const Budget& budget) {
  const Value* value = arguments.find(index, name);
  if (value == nullptr) budget.fail(fmt::format("an argument is missing: '{}'", name));
  return *value;
}

Value trim(const Value& input, const Arguments& arguments, Budget& budget) {
  const Value* characters = arguments.find(0, "chars");
  const bool given = characters != nullptr && !characters->is_none();
  return stripped(to_text(input, budget),
                  given ? &require_text(*characters, "chars", budget) : nullptr, true, true);
}

Value length(const Value& input, const Arguments&, Budget& budget) {
  if (const Text* text = input.as_text()) {
    budget.charge(text->size());
    return static_cast<std::int64_t>(count_code_points(text->bytes()));
  }
  if (const List* list = input.as_list()) return static_cast<std::int64_t>(list->items.size());
  if (const Dict* dict = input.as_dict()) return static_cast<std::int64_t>(dict->entries.size());
  if (input.is_undefined()) return std::int64_t{0};
  budget.fail(fmt::format("object of type '{}' has no len()", type_name(input)));
}

Value default_value(const Value& input, const Arguments& arguments, Budget&) {
  if (!input.is_undefined() && (truth(input) || !flag(arguments, 1, "boolean"))) return input;
  const Value* value = arguments.find(0, "default_value");
  return value != nullptr ? *value : Value::text("");
}

Value json(const Value& input, const Arguments& arguments, Budget& budget) {
  if (arguments.find(2, "separators") != nullptr) budget.unsupported("separators of tojson");
  const Value* indent = arguments.find(1, "indent");
  const std::int64_t width =
      indent == nullptr || indent->is_none() ? -1 : require_integer(*indent, "indent", budget);
  return to_json(input, static_cast<int>(std::clamp<std::int64_t>(width, -1, 64)),
                 flag(arguments, 0, "ensure_ascii"), flag(arguments, 3, "sort_keys"), budget);
}

// `value` or, with `attribute` given, what follows it: "function.name" asks twice.
Value attribute_of(const Value& value, const Value& attribute, Budget& budget) {
  if (attribute.as_text() == nullptr) return get_item(value, attribute, budget);
  Value found = value;
  const Text dot(".");
  for (const Text& part : split(*attribute.as_text(), &dot, -1, false, budget)) {
    std::int64_t index = 0;
    const std::string& name = part.bytes();
    const auto number = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool is_number = number.ec == std::errc() && number.ptr == name.data() + name.size();
    found = get_item(found, is_number ? Value(index) : Value(part), budget);
  }
  return found;
}

Value join_items(const Value& input, const Arguments& arguments, Budget& budget) {
  const Value* separator = arguments.find(0, "d");
  std::vector<Value> items = iterate(input, budget)->items;
  if (const Value* attribute = arguments.find(1, "attribute")) {
    for (Value& item : items) item = attribute_of(item, *attribute, budget);
  }
  return join(separator != nullptr ? to_text(*separator, budget) : Text(), items, budget);
}

Value replace_text(const Value& input, const Arguments& arguments, Budget& budget) {
  const Value* count = arguments.find(2, "count");
  return replace(
      to_text(input, budget), to_text(required(arguments, 0, "old", budget), budget),
      to_text(required(arguments, 1, "new", budget), budget),
      count == nullptr || count->is_none() ? -1 : require_integer(*count, "count", budget), budget);
}

Value first(const Value& input, const Arguments&, Budget& budget) {
  const auto items = iterate(input, budget);
  if (items->items.empty()) return Undefined{"No first item, sequence was empty."};
  return items->items.front();
}

Value last(const Value& input, const Arguments&, Budget& budget) {
  const auto items = iterate(input, budget);
  if (items->items.empty()) return Undefined{"No last item, sequence was empty."};
  return items->items.back();
}

Value reversed(const Value& input, const Arguments&, Budget& budget) {
  std::vector<Value> items = iterate(input, budget)->items;
  std::ranges::reverse(items);
  if (input.as_text() != nullptr) return join(Text(), items, budget);
  return Value::list(std::move(items), budget);
}

Value unique(const Value& input, const Arguments&, Budget& budget) {
  std::vector<Value> kept;
  const auto items = iterate(input, budget);
  for (const Value& item : items->items) {
    const bool known =
        std::ranges::any_of(kept, [&](const Value& other) { return equal(other, item, budget); });
    if (!known) kept.push_back(item);
  }
  return Value::list(std::move(kept), budget);
}

// The number that begins and ends `text`, as Python's float() reads it, but for "nan" and "inf".
std::optional<double> parse_number(std::string_view text) {
  const auto [begin, end] = stripped_range(text, true, true);
  std::string_view digits = text.substr(begin, end - begin);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) return {};
  return number;
}

std::optional<double> number_of(const Value& input) {
  if (const Text* text = input.as_text()) return parse_number(text->bytes());
  if (const bool* boolean = std::get_if<bool>(&input.variant())) return *boolean ? 1.0 : 0.0;
  if (const double* number = std::get_if<double>(&input.variant())) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&input.variant())) {
    return static_cast<double>(*integer);
  }
  return {};
}

Value to_integer(const Value& input, const Arguments& arguments, Budget&) {
  if (input.is<std::int64_t>()) return input;
  const auto number = number_of(input);
  if (!number || !(std::abs(*number) < 0x1p63)) {
    const Value* otherwise = arguments.find(0, "default");
    return otherwise != nullptr ? *otherwise : Value(std::int64_t{0});
  }
  return static_cast<std::int64_t>(*number);
}

Value to_float(const Value& input, const Arguments& arguments, Budget&) {
  if (const auto number = number_of(input)) return *number;
  const Value* otherwise = arguments.find(0, "default");
  return otherwise != nullptr ? *otherwise : Value(0.0);
}

Value absolute(const Value& input, const Arguments&, Budget& budget) {
  if (const double* number = std::get_if<double>(&input.variant())) return std::abs(*number);
  const std::int64_t integer = require_integer(input, "the input of abs", budget);
  return integer < 0 && integer != std::numeric_limits<std::int64_t>::min() ? -integer : integer;
}

Value items(const Value& input, const Arguments&, Budget& budget) {
  if (input.is_undefined()) return Value::list({}, budget);
  if (input.as_dict() == nullptr) budget.fail("Can only get item pairs from a mapping.");
  return call_method({input, "items"}, {}, budget);
}

Value indent(const Value& input, const Arguments& arguments, Budget& budget) {
  const Value* width = arguments.find(0, "width");
  Text margin("    ");
  if (width != nullptr && width->as_text() != nullptr) {
    margin = *width->as_text();
  } else if (width != nullptr) {
    const std::int64_t spaces = require_integer(*width, "width", budget);
    margin =
        Text(std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(spaces, 0, 1000)), ' '));
  }
  Text with_end = to_text(input, budget);
  with_end.append("\n", false);
  const std::vector<Text> lines = split_lines(with_end, budget);
  Text out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    budget.charge(margin.size() + lines[i].size());
    if (i > 0) out.append("\n", false);
    if (i == 0 ? flag(arguments, 1, "first") : !lines[i].empty() || flag(arguments, 2, "blank")) {
      out.append(margin);
    }
    out.append(lines[i]);
  }
  return out;
}

// The arguments after the first `count`.
Arguments without_first(const Arguments& arguments, std::size_t count) {
  Arguments rest = arguments;
  const std::size_t skipped = std::min(count, rest.positional.size());
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(skipped));
  return rest;
}

Value map(const Value& input, const Arguments& arguments, Budget& budget) {
  std::vector<Value> out = iterate(input, budget)->items;
  if (arguments.positional.empty()) {
    const Value& attribute = required(arguments, 0, "attribute", budget);
    const Value* otherwise = arguments.find(1, "default");
    for (Value& item : out) {
      item = attribute_of(item, attribute, budget);
      if (item.is_undefined() && otherwise != nullptr) item = *otherwise;
    }
  } else {
    const std::string& name = require_text(arguments.positional[0], "a filter", budget).bytes();
    if (!is_filter(name)) budget.unsupported(fmt::format("the filter '{}'", name));
    // One level only: a map within a map would be a recursion that the template controls.
    if (name == "map") budget.unsupported("a map of maps");
    const Arguments rest = without_first(arguments, 1);
    for (Value& item : out) item = call_filter(name, item, rest, budget);
  }
  return Value::list(std::move(out), budget);
}

// select, reject, selectattr and rejectattr.
Value choose(const Value& input, const Arguments& arguments, Budget& budget, bool by_attribute,
             bool wanted) {
  const std::size_t at = by_attribute ? 1 : 0;
  std::string test;
  if (const Value* name = arguments.find(at, {})) {
    test = require_text(*name, "a test", budget).bytes();
    if (!is_test(test)) budget.unsupported(fmt::format("the test '{}'", test));
  }
  const Arguments rest = without_first(arguments, at + 1);
  std::vector<Value> kept;
  const auto items = iterate(input, budget);
  for (const Value& item : items->items) {
    const Value value =
        by_attribute ? attribute_of(item, required(arguments, 0, "attribute", budget), budget)
                     : item;
    if ((test.empty() ? truth(value) : call_test(test, value, rest, budget)) == wanted) {
      kept.push_back(item);
    }
  }
  return Value::list(std::move(kept), budget);
}

const std::map<std::string_view, Filter>& filters() {
  static const std::map<std::string_view, Filter> kFilters = {
      {"trim", trim},
      {"length", length},
      {"count", length},
      {"default", default_value},
      {"d", default_value},
      {"tojson", json},
      {"join", join_items},
      {"replace", replace_text},
      {"first", first},
      {"last", last},
      {"reverse", reversed},
      {"unique", unique},
      {"int", to_integer},
      {"float", to_float},
      {"abs", absolute},
      {"items", items},
      {"indent", indent},
      {"map", map},
      {"upper",
       [](const Value& input, const Arguments&, Budget& budget) -> Value {
         return upper_case(to_text(input, budget));
       }},
      {"lower",
       [](const Value& input, const Arguments&, Budget& budget) -> Value {
         return lower_case(to_text(input, budget));
       }},
      {"capitalize",
       [](const Value& input, const Arguments&, Budget& budget) -> Value {
         return capitalized(to_text(input, budget));
       }},
      {"title",
       [](const Value& input, const Arguments&, Budget& budget) -> Value {
         return title_case(to_text(input, budget));
       }},
      {"string",
       [](const Value& input, const Arguments&, Budget& budget) -> Value {
         return to_text(input, budget);
       }},
      {"safe",
       [](const Value& input, const Arguments&, Budget& budget) -> Value {
         return to_text(input, budget);
       }},
      {"list",
       [](const Value& input, const Arguments&, Budget& budget) -> Value {
         return Value::list(iterate(input, budget)->items, budget);
       }},
      {"select", [](const Value& input, const Arguments& arguments,
                    Budget& budget) { return choose(input, arguments, budget, false, true); }},
      {"reject", [](const Value& input, const Arguments& arguments,
                    Budget& budget) { return choose(input, arguments, budget, false, false); }},
      {"selectattr", [](const Value& input, const Arguments& arguments,
                        Budget& budget) { return choose(input, arguments, budget, true, true); }},
      {"rejectattr", [](const Value& input, const Arguments& arguments,
                        Budget& budget) { return choose(input, arguments, budget, true, false); }},
  };
  return kFilters;
}

}  // namespace

bool is_filter(std::string_view name) {
  return filters().contains(name);
}

Value call_filter(std::string_view name, const Value& input, const Arguments& arguments,
                  Budget& budget) {
  return filters().at(name)(input, arguments, budget);
}

}  // namespace tandem::jinja
