#include "generator/jinja/functions.h"

#include <array>
#include <ctime>
#include <utility>

namespace tandem::jinja {
namespace {

// The limit of jinja2's sandbox.
constexpr std::int64_t kMaxRange = 100'000;

Value call_range(const Arguments& arguments, Budget& budget) {
  std::array<std::int64_t, 3> numbers = {0, 0, 1};
  const std::size_t count = arguments.positional.size();
  if (count == 0 || count > 3) budget.fail("range() takes one to three numbers");
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = count == 1 ? 1 : i;
    numbers[place] = require_integer(arguments.positional[i], "an argument of range()", budget);
    // Keeps the arithmetic below from overflowing.
    if (numbers[place] > (std::int64_t{1} << 60) || numbers[place] < -(std::int64_t{1} << 60)) {
      budget.fail("a range is too long");
    }
  }
  const auto [first, last, step] = numbers;
  if (step == 0) budget.fail("range() arg 3 must not be zero");
  const std::int64_t distance = step > 0 ? last - first : first - last;
  const std::int64_t stride = step > 0 ? step : -step;
  const std::int64_t length = distance > 0 ? (distance + stride - 1) / stride : 0;
  if (length > kMaxRange) budget.fail("a range is too long");
  std::vector<Value> items;
  for (std::int64_t i = 0; i < length; ++i) items.emplace_back(first + i * step);
  return Value::list(std::move(items), budget);
}

Value call_strftime(const Arguments& arguments, Budget& budget) {
  const Value* format = arguments.find(0, "format");
  if (format == nullptr) budget.fail("strftime_now() misses its format");
  const std::string& text = require_text(*format, "a format of time", budget).bytes();
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 512> buffer{};
  // strftime cannot tell an empty result from one that does not fit; both are empty here.
  const std::size_t size = std::strftime(buffer.data(), buffer.size(), text.c_str(), &local);
  return Value::text(std::string(buffer.data(), size));
}

}  // namespace

std::optional<Function> find_function(std::string_view name) {
  if (name == "range") return Function::kRange;
  if (name == "namespace") return Function::kNamespace;
  if (name == "raise_exception") return Function::kRaiseException;
  if (name == "strftime_now") return Function::kStrftimeNow;
  if (name == "dict") return Function::kDict;
  return {};
}

Value call_function(Function function, const Arguments& arguments,
                    std::deque<Namespace>& namespaces, Budget& budget) {
  switch (function) {
    case Function::kRange:
      return call_range(arguments, budget);
    case Function::kNamespace: {
      namespaces.emplace_back();
      for (const Value& value : arguments.positional) {
        if (value.as_dict() == nullptr) budget.fail("namespace() takes names and dicts");
        for (const auto& [name, attribute] : value.as_dict()->entries) {
          set_attribute(namespaces.back(), to_text(name, budget).bytes(), attribute);
        }
      }
      for (const auto& [name, value] : arguments.keywords) {
        set_attribute(namespaces.back(), name, value);
      }
      return &namespaces.back();
    }
    case Function::kDict: {
      std::vector<std::pair<Value, Value>> entries;
      for (const Value& value : arguments.positional) {
        if (value.as_dict() == nullptr) budget.unsupported("dict() of something else than a dict");
        entries = value.as_dict()->entries;
      }
      for (const auto& [name, value] : arguments.keywords) {
        entries.emplace_back(Value::text(name), value);
      }
      return Value::dict(std::move(entries), budget);
    }
    case Function::kRaiseException: {
      const Value* message = arguments.find(0, "message");
      throw Error(ErrorCode::kInvalidArgument,
                  "the model's chat template refuses these messages: " +
                      (message ? to_text(*message, budget).bytes() : std::string()),
                  "check the roles of the messages and their order");
    }
    case Function::kStrftimeNow:
      return call_strftime(arguments, budget);
  }
  return {};
}

void set_attribute(Namespace& space, const std::string& name, Value value) {
  for (auto& [known, old] : space.attributes) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  space.attributes.emplace_back(name, std::move(value));
}

}  // namespace tandem::jinja
