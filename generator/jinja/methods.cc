// Methods of strings, lists, dicts and loops.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "generator/jinja/builtins.h"
#include "generator/jinja/strings.h"

namespace tandem::jinja {
namespace {

constexpr std::array<std::string_view, 23> kTextMethods = {
    "strip",   "lstrip",  "rstrip",     "upper",   "lower",        "capitalize",
    "split",   "rsplit",  "splitlines", "replace", "startswith",   "endswith",
    "find",    "rfind",   "count",      "join",    "removeprefix", "removesuffix",
    "isdigit", "isalpha", "isspace",    "isupper", "islower"};
constexpr std::array<std::string_view, 4> kDictMethods = {"items", "keys", "values", "get"};
constexpr std::array<std::string_view, 2> kListMethods = {"index", "count"};
constexpr std::array<std::string_view, 1> kLoopMethods = {"cycle"};

template <std::size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

const Value& require(const Arguments& arguments, std::size_t index, std::string_view name,
                     std::string_view method, const Budget& budget) {
  const Value* value = arguments.find(index, name);
  if (value == nullptr) budget.fail(fmt::format("{}() misses its argument '{}'", method, name));
  return *value;
}

// Null for an argument that is None or was left out.
const Text* optional_text(const Arguments& arguments, std::size_t index, std::string_view name,
                          const Budget& budget) {
  const Value* value = arguments.find(index, name);
  if (value == nullptr || value->is_none()) return nullptr;
  return &require_text(*value, name, budget);
}

std::int64_t integer_or(const Arguments& arguments, std::size_t index, std::string_view name,
                        std::int64_t otherwise, const Budget& budget) {
  const Value* value = arguments.find(index, name);
  return value != nullptr ? require_integer(*value, name, budget) : otherwise;
}

Value list_of(std::vector<Text> texts, Budget& budget) {
  std::vector<Value> items;
  for (Text& text : texts) items.emplace_back(std::move(text));
  return Value::list(std::move(items), budget);
}

// startswith and endswith, whose argument may be a tuple of strings.
bool has_affix(const Text& text, const Value& affix, bool at_end, Budget& budget) {
  if (const List* list = affix.as_list()) {
    return std::ranges::any_of(
        list->items, [&](const Value& item) { return has_affix(text, item, at_end, budget); });
  }
  const Text& part = require_text(affix, at_end ? "suffix" : "prefix", budget);
  budget.charge(part.size());
  return at_end ? text.bytes().ends_with(part.bytes()) : text.bytes().starts_with(part.bytes());
}

std::int64_t find_text(const Text& text, const Text& part, bool from_right, Budget& budget) {
  budget.charge(text.size() + part.size());
  std::size_t at = std::string::npos;
  if (!from_right) {
    at = find_bytes(text.bytes(), part.bytes(), 0);
  } else {
    std::size_t next = find_bytes(text.bytes(), part.bytes(), 0);
    while (next != std::string::npos) {
      budget.charge(16);
      at = next;
      next = find_bytes(text.bytes(), part.bytes(), next + 1);
    }
  }
  if (at == std::string::npos) return -1;
  return static_cast<std::int64_t>(count_code_points(std::string_view(text.bytes()).substr(0, at)));
}

std::int64_t count_text(const Text& text, const Text& part, Budget& budget) {
  budget.charge(text.size() + part.size());
  if (part.empty()) return static_cast<std::int64_t>(count_code_points(text.bytes())) + 1;
  std::int64_t count = 0;
  std::size_t at = 0;
  while ((at = find_bytes(text.bytes(), part.bytes(), at)) != std::string::npos) {
    budget.charge(16);
    ++count;
    at += part.size();
  }
  return count;
}

// Whether there are characters and all of them pass. ASCII decides letters and digits here; texts
// outside of it are not asked such things by any template known.
template <typename Passes>
bool all_characters(const Text& text, const Passes& passes, Budget& budget) {
  budget.charge(text.size());
  std::string_view rest = text.bytes();
  if (rest.empty()) return false;
  while (!rest.empty()) {
    const Utf8Char c = decode_utf8(rest);
    if (!passes(c.code_point)) return false;
    rest.remove_prefix(c.size_bytes);
  }
  return true;
}

bool is_upper(char32_t c) {
  return c >= U'A' && c <= U'Z';
}
bool is_lower(char32_t c) {
  return c >= U'a' && c <= U'z';
}

bool is_cased(const Text& text, bool upper, Budget& budget) {
  const auto wrong = [upper](char32_t c) { return upper ? is_lower(c) : is_upper(c); };
  const auto right = [upper](char32_t c) { return upper ? is_upper(c) : is_lower(c); };
  return all_characters(
             text, [&](char32_t c) { return !wrong(c); }, budget) &&
         !all_characters(
             text, [&](char32_t c) { return !right(c); }, budget);
}

Value call_text(const Text& text, std::string_view name, const Arguments& arguments,
                Budget& budget) {
  budget.charge(text.size());
  const auto argument = [&](std::size_t index, std::string_view what) -> const Text& {
    return require_text(require(arguments, index, what, name, budget), what, budget);
  };
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    return stripped(text, optional_text(arguments, 0, "chars", budget), name != "rstrip",
                    name != "lstrip");
  }
  if (name == "upper") return upper_case(text);
  if (name == "lower") return lower_case(text);
  if (name == "capitalize") return capitalized(text);
  if (name == "split" || name == "rsplit") {
    return list_of(
        split(text, optional_text(arguments, 0, "sep", budget),
              integer_or(arguments, 1, "maxsplit", -1, budget), name == "rsplit", budget),
        budget);
  }
  if (name == "splitlines") return list_of(split_lines(text, budget), budget);
  if (name == "replace") {
    return replace(text, argument(0, "old"), argument(1, "new"),
                   integer_or(arguments, 2, "count", -1, budget), budget);
  }
  if (name == "startswith" || name == "endswith") {
    return has_affix(text, require(arguments, 0, "prefix", name, budget), name == "endswith",
                     budget);
  }
  if (name == "find" || name == "rfind") {
    return find_text(text, argument(0, "sub"), name == "rfind", budget);
  }
  if (name == "count") return count_text(text, argument(0, "sub"), budget);
  if (name == "join") {
    const auto items = iterate(require(arguments, 0, "iterable", name, budget), budget);
    for (const Value& item : items->items) require_text(item, "an item to join", budget);
    return join(text, items->items, budget);
  }
  if (name == "removeprefix" || name == "removesuffix") {
    const bool suffix = name == "removesuffix";
    const Text& affix = argument(0, suffix ? "suffix" : "prefix");
    if (!has_affix(text, affix, suffix, budget)) return text;
    return suffix ? text.slice(0, text.size() - affix.size())
                  : text.slice(affix.size(), text.size());
  }
  if (name == "isspace") return all_characters(text, is_space, budget);
  if (name == "isdigit") {
    return all_characters(
        text, [](char32_t c) { return c >= U'0' && c <= U'9'; }, budget);
  }
  if (name == "isalpha") {
    return all_characters(
        text, [](char32_t c) { return is_upper(c) || is_lower(c); }, budget);
  }
  return is_cased(text, name == "isupper", budget);
}

Value call_dict(const Dict& dict, std::string_view name, const Arguments& arguments,
                Budget& budget) {
  if (name == "get") {
    if (const Value* value = lookup(dict, require(arguments, 0, "key", name, budget), budget)) {
      return *value;
    }
    const Value* otherwise = arguments.find(1, "default");
    return otherwise != nullptr ? *otherwise : Value(None{});
  }
  std::vector<Value> items;
  for (const auto& [key, value] : dict.entries) {
    items.push_back(name == "keys"     ? key
                    : name == "values" ? value
                                       : Value::list({key, value}, budget, true));
  }
  return Value::list(std::move(items), budget);
}

Value call_list(const List& list, std::string_view name, const Arguments& arguments,
                Budget& budget) {
  const Value& wanted = require(arguments, 0, "value", name, budget);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (!equal(list.items[i], wanted, budget)) continue;
    if (name == "index") return static_cast<std::int64_t>(i);
    ++count;
  }
  if (name == "index") budget.fail("the value is not in the list");
  return count;
}

}  // namespace

bool has_method(const Value& object, std::string_view name) {
  if (object.as_text() != nullptr) return has(kTextMethods, name);
  if (object.as_dict() != nullptr) return has(kDictMethods, name);
  if (object.as_list() != nullptr) return has(kListMethods, name);
  return object.is<std::shared_ptr<const Loop>>() && has(kLoopMethods, name);
}

Value call_method(const BoundMethod& method, const Arguments& arguments, Budget& budget) {
  TANDEM_CHECK(has_method(method.object, method.name));
  if (const Text* text = method.object.as_text()) {
    return call_text(*text, method.name, arguments, budget);
  }
  if (const Dict* dict = method.object.as_dict()) {
    return call_dict(*dict, method.name, arguments, budget);
  }
  if (const List* list = method.object.as_list()) {
    return call_list(*list, method.name, arguments, budget);
  }
  const auto& loop = std::get<std::shared_ptr<const Loop>>(method.object.variant());
  if (arguments.positional.empty()) budget.fail("no items for cycling given");
  return arguments.positional[loop->index % arguments.positional.size()];
}

}  // namespace tandem::jinja
