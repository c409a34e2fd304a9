#include "generator/jinja/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/utf8.h"
#include "generator/jinja/builtins.h"

namespace tandem::jinja {
namespace {

void refuse_undefined(const Value& value, const Budget& budget) {
  if (const auto* undefined = std::get_if<Undefined>(&value.variant())) {
    budget.fail(undefined->what);
  }
}

Value missing(const Value& object, std::string_view name) {
  return Undefined{fmt::format("'{} object' has no attribute '{}'", type_name(object), name)};
}

Value loop_attribute(const Value& object, std::string_view name) {
  const Loop& loop = *std::get<std::shared_ptr<const Loop>>(object.variant());
  const auto index = static_cast<std::int64_t>(loop.index);
  const auto length = std::ssize(loop.items->items);
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return length - index;
  if (name == "revindex0") return length - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == length;
  if (name == "length") return length;
  if (name == "previtem") {
    return index > 0 ? loop.items->items[loop.index - 1] : Undefined{"there is no previous item"};
  }
  if (name == "nextitem") {
    return index + 1 < length ? loop.items->items[loop.index + 1]
                              : Undefined{"there is no next item"};
  }
  return missing(object, name);
}

// The position of a Python index, or null if it is out of range.
std::optional<std::size_t> position_of(std::int64_t index, std::size_t length) {
  const auto size = static_cast<std::int64_t>(length);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return {};
  return static_cast<std::size_t>(index);
}

bool is_integer(const Value& value) {
  return value.is<bool>() || value.is<std::int64_t>();
}

double to_double(const Value& value) {
  if (const double* number = std::get_if<double>(&value.variant())) return *number;
  if (const bool* boolean = std::get_if<bool>(&value.variant())) return *boolean ? 1 : 0;
  return static_cast<double>(std::get<std::int64_t>(value.variant()));
}

[[noreturn]] void fail_overflow(const Budget& budget) {
  budget.fail("a number is too large");
}

// Rounds down, where C++ rounds towards zero.
std::int64_t floor_divide(std::int64_t a, std::int64_t b, const Budget& budget) {
  if (b == 0) budget.fail("division by zero");
  if (b == -1 && a == std::numeric_limits<std::int64_t>::min()) fail_overflow(budget);
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t power(std::int64_t base, std::int64_t exponent, const Budget& budget) {
  std::int64_t result = 1;
  // Numbers but -1, 0 and 1 overflow long before.
  if (base >= -1 && base <= 1) exponent = exponent > 2 ? 2 + exponent % 2 : exponent;
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(result, base, &result)) fail_overflow(budget);
  }
  return result;
}

Value integer_arithmetic(std::string_view op, std::int64_t a, std::int64_t b,
                         const Budget& budget) {
  std::int64_t result = 0;
  bool overflows = false;
  if (op == "+") overflows = __builtin_add_overflow(a, b, &result);
  if (op == "-") overflows = __builtin_sub_overflow(a, b, &result);
  if (op == "*") overflows = __builtin_mul_overflow(a, b, &result);
  if (op == "//") result = floor_divide(a, b, budget);
  if (op == "%") result = b == -1 ? 0 : a - floor_divide(a, b, budget) * b;
  if (op == "**") result = power(a, b, budget);
  if (overflows) fail_overflow(budget);
  return result;
}

Value float_arithmetic(std::string_view op, double a, double b, const Budget& budget) {
  if ((op == "/" || op == "//" || op == "%") && b == 0) budget.fail("division by zero");
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "/") return a / b;
  if (op == "//") return std::floor(a / b);
  if (op == "**") return std::pow(a, b);
  const double remainder = std::fmod(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

Value repeat(const Value& sequence, std::int64_t count, Budget& budget) {
  count = std::max<std::int64_t>(count, 0);
  const auto times = static_cast<std::uint64_t>(count);
  const auto charge = [&](std::uint64_t size) {
    std::uint64_t total = 0;
    if (__builtin_mul_overflow(times, size + 1, &total)) total = UINT64_MAX;
    budget.charge(total);
  };
  if (const Text* text = sequence.as_text()) {
    charge(text->size());
    Text out;
    for (std::uint64_t i = 0; i < times; ++i) out.append(*text);
    return out;
  }
  const List& list = *sequence.as_list();
  charge(list.items.size() * sizeof(Value));
  std::vector<Value> items;
  for (std::uint64_t i = 0; i < times; ++i) {
    items.insert(items.end(), list.items.begin(), list.items.end());
  }
  return Value::list(std::move(items), budget, list.is_tuple);
}

// What a slice takes: `count` items from `first` on, `step` apart.
struct Selection {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

Selection select(const Value& first, const Value& last, const Value& step, std::size_t length,
                 const Budget& budget) {
  const auto size = static_cast<std::int64_t>(length);
  Selection out;
  if (!step.is_none()) out.step = require_integer(step, "the step of a slice", budget);
  if (out.step == 0) budget.fail("slice step cannot be zero");
  // No longer step can differ from this one, and it cannot overflow below.
  out.step = std::clamp(out.step, -size - 1, size + 1);
  const bool forward = out.step > 0;
  const auto bound = [&](const Value& value, std::int64_t otherwise) {
    if (value.is_none()) return otherwise;
    std::int64_t at = require_integer(value, "the border of a slice", budget);
    if (at < 0) at = at < -size ? -1 : at + size;
    return forward ? std::clamp<std::int64_t>(at, 0, size)
                   : std::clamp<std::int64_t>(at, -1, size - 1);
  };
  out.first = bound(first, forward ? 0 : size - 1);
  const std::int64_t end = bound(last, forward ? size : -1);
  const std::int64_t distance = forward ? end - out.first : out.first - end;
  const std::int64_t stride = forward ? out.step : -out.step;
  out.count = distance > 0 ? (distance + stride - 1) / stride : 0;
  return out;
}

}  // namespace

Value get_attribute(const Value& object, std::string_view name, Budget& budget) {
  refuse_undefined(object, budget);
  if (has_method(object, name)) return BoundMethod{object, std::string(name)};
  if (const Dict* dict = object.as_dict()) {
    const Value* value = lookup(*dict, name);
    return value != nullptr ? *value : missing(object, name);
  }
  if (const auto* space = std::get_if<Namespace*>(&object.variant())) {
    for (const auto& [known, value] : (*space)->attributes) {
      if (known == name) return value;
    }
  }
  if (object.is<std::shared_ptr<const Loop>>()) return loop_attribute(object, name);
  return missing(object, name);
}

Value get_item(const Value& object, const Value& key, Budget& budget) {
  refuse_undefined(object, budget);
  if (const Dict* dict = object.as_dict()) {
    if (const Value* value = lookup(*dict, key, budget)) return *value;
  }
  if (is_integer(key)) {
    const std::int64_t index = require_integer(key, "an index", budget);
    if (const List* list = object.as_list()) {
      if (const auto at = position_of(index, list->items.size())) return list->items[*at];
    } else if (const Text* text = object.as_text()) {
      budget.charge(text->size());
      const auto at = position_of(index, count_code_points(text->bytes()));
      if (at) {
        return text->slice(byte_offset(text->bytes(), *at), byte_offset(text->bytes(), *at + 1));
      }
    }
    return Undefined{fmt::format("'{} object' has no element {}", type_name(object), index)};
  }
  if (const Text* name = key.as_text()) return get_attribute(object, name->bytes(), budget);
  return missing(object, to_text(key, budget).bytes());
}

Value get_slice(const Value& object, const Value& first, const Value& last, const Value& step,
                Budget& budget) {
  refuse_undefined(object, budget);
  const Text* text = object.as_text();
  if (text == nullptr && object.as_list() == nullptr) {
    budget.fail(fmt::format("'{}' object cannot be sliced", type_name(object)));
  }
  if (text != nullptr && (step.is_none() || (step.is<std::int64_t>() &&
                                             std::get<std::int64_t>(step.variant()) == 1))) {
    budget.charge(text->size() * 2);
    const Selection range = select(first, last, step, count_code_points(text->bytes()), budget);
    if (range.count == 0) return Text();
    const auto begin = static_cast<std::size_t>(range.first);
    const auto end = begin + static_cast<std::size_t>(range.count);
    return text->slice(byte_offset(text->bytes(), begin), byte_offset(text->bytes(), end));
  }
  const auto all = iterate(object, budget);
  const Selection range = select(first, last, step, all->items.size(), budget);
  std::vector<Value> items;
  for (std::int64_t i = 0; i < range.count; ++i) {
    items.push_back(all->items[static_cast<std::size_t>(range.first + i * range.step)]);
  }
  if (text == nullptr) return Value::list(std::move(items), budget, object.as_list()->is_tuple);
  Text out;
  for (const Value& item : items) out.append(*item.as_text());
  return out;
}

Value arithmetic(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  refuse_undefined(a, budget);
  refuse_undefined(b, budget);
  budget.charge(1);
  if (is_integer(a) && is_integer(b)) {
    const std::int64_t x = require_integer(a, "an operand", budget);
    const std::int64_t y = require_integer(b, "an operand", budget);
    if (op == "/" || (op == "**" && y < 0)) {
      return float_arithmetic(op, static_cast<double>(x), static_cast<double>(y), budget);
    }
    return integer_arithmetic(op, x, y, budget);
  }
  if (a.is_number() && b.is_number()) {
    return float_arithmetic(op, to_double(a), to_double(b), budget);
  }
  if (op == "+" && a.as_text() && b.as_text()) {
    budget.charge(a.as_text()->size() + b.as_text()->size());
    Text out = *a.as_text();
    out.append(*b.as_text());
    return out;
  }
  if (op == "+" && a.as_list() && b.as_list() && a.as_list()->is_tuple == b.as_list()->is_tuple) {
    budget.charge((a.as_list()->items.size() + b.as_list()->items.size()) * sizeof(Value));
    std::vector<Value> items = a.as_list()->items;
    items.insert(items.end(), b.as_list()->items.begin(), b.as_list()->items.end());
    return Value::list(std::move(items), budget, a.as_list()->is_tuple);
  }
  if (op == "*" && (a.as_text() || a.as_list()) && is_integer(b)) {
    return repeat(a, require_integer(b, "a count", budget), budget);
  }
  if (op == "*" && (b.as_text() || b.as_list()) && is_integer(a)) {
    return repeat(b, require_integer(a, "a count", budget), budget);
  }
  if (op == "%" && a.as_text()) budget.unsupported("string formatting by '%'");
  budget.fail(fmt::format("unsupported operand types for {}: '{}' and '{}'", op, type_name(a),
                          type_name(b)));
}

Value negate(const Value& value, Budget& budget) {
  refuse_undefined(value, budget);
  if (const double* number = std::get_if<double>(&value.variant())) return -*number;
  return integer_arithmetic("-", 0, require_integer(value, "an operand of '-'", budget), budget);
}

}  // namespace tandem::jinja
