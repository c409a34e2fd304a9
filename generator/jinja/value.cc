#include "generator/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace tandem::jinja {
namespace {

constexpr int kMaxHeight = 64;
// Accounting for the memory of a value in a list.
constexpr std::uint64_t kValueUnits = sizeof(Value);

int height_of(const Value& value) {
  if (const List* list = value.as_list()) return list->height;
  if (const Dict* dict = value.as_dict()) return dict->height;
  return 0;
}

int height_above(int height, const Budget& budget) {
  if (height >= kMaxHeight) budget.fail("lists are nested too deeply");
  return height + 1;
}

bool is_integer(const Value& value) {
  return value.is<bool>() || value.is<std::int64_t>();
}

std::int64_t integer_of(const Value& value) {
  if (const bool* boolean = std::get_if<bool>(&value.variant())) return *boolean ? 1 : 0;
  return std::get<std::int64_t>(value.variant());
}

double number_of(const Value& value) {
  if (const double* number = std::get_if<double>(&value.variant())) return *number;
  return static_cast<double>(integer_of(value));
}

template <typename T>
int sign(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

}  // namespace

void Budget::charge(std::uint64_t units) {
  if (units > left_) {
    throw Error(ErrorCode::kTooLarge,
                fmt::format("the chat template takes too much work (line {})", line),
                "shorten the conversation, or use a model with a simpler template");
  }
  left_ -= units;
}

void Budget::fail(std::string_view message) const {
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("the model's chat template cannot render these messages: {} (line {})",
                          message, line),
              "check the roles of the messages and their order");
}

void Budget::unsupported(std::string_view construct) const {
  throw Error(ErrorCode::kUnsupported,
              fmt::format("the model's chat template uses {}, which is not supported (line {})",
                          construct, line),
              "use a model with a simpler template");
}

Value::Value(BoundMethod value) : variant_(std::make_shared<const BoundMethod>(std::move(value))) {}

Value Value::list(std::vector<Value> items, Budget& budget, bool is_tuple) {
  budget.charge((items.size() + 1) * kValueUnits);
  int height = 0;
  for (const Value& item : items) height = std::max(height, height_of(item));
  return Value(Variant(std::make_shared<const List>(
      List{std::move(items), is_tuple, height_above(height, budget)})));
}

Value Value::dict(std::vector<std::pair<Value, Value>> entries, Budget& budget) {
  budget.charge((entries.size() + 1) * 2 * kValueUnits);
  Dict dict;
  int height = 0;
  for (auto& [key, value] : entries) {
    height = std::max(height, height_of(value));
    if (key.as_list() || key.as_dict()) {
      budget.fail(fmt::format("unhashable type: '{}'", type_name(key)));
    }
    Value* present = nullptr;
    for (auto& [known, old] : dict.entries) {
      if (equal(known, key, budget)) present = &old;
    }
    if (present != nullptr) {
      *present = std::move(value);
    } else {
      dict.entries.emplace_back(std::move(key), std::move(value));
    }
  }
  dict.height = height_above(height, budget);
  return Value(Variant(std::make_shared<const Dict>(std::move(dict))));
}

bool Value::is_callable() const {
  return is<Function>() || is<const Node*>() || is<std::shared_ptr<const BoundMethod>>();
}

const Text* Value::as_text() const {
  const auto* text = std::get_if<std::shared_ptr<const Text>>(&variant_);
  return text != nullptr ? text->get() : nullptr;
}

const List* Value::as_list() const {
  const auto* list = std::get_if<std::shared_ptr<const List>>(&variant_);
  return list != nullptr ? list->get() : nullptr;
}

const Dict* Value::as_dict() const {
  const auto* dict = std::get_if<std::shared_ptr<const Dict>>(&variant_);
  return dict != nullptr ? dict->get() : nullptr;
}

std::shared_ptr<const List> Value::shared_list() const {
  return std::get<std::shared_ptr<const List>>(variant_);
}

const Value* Arguments::find(std::size_t index, std::string_view name) const {
  if (index < positional.size()) return &positional[index];
  for (const auto& [key, value] : keywords) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view type_name(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is<bool>()) return "bool";
  if (value.is<std::int64_t>()) return "int";
  if (value.is<double>()) return "float";
  if (value.as_text()) return "str";
  if (const List* list = value.as_list()) return list->is_tuple ? "tuple" : "list";
  if (value.as_dict()) return "dict";
  if (value.is<Namespace*>()) return "Namespace";
  if (value.is_callable()) return "function";
  return "LoopContext";
}

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_number()) return number_of(value) != 0;
  if (const Text* text = value.as_text()) return !text->empty();
  if (const List* list = value.as_list()) return !list->items.empty();
  if (const Dict* dict = value.as_dict()) return !dict->entries.empty();
  return true;
}

bool equal(const Value& a, const Value& b, Budget& budget) {
  budget.charge(1);
  if (is_integer(a) && is_integer(b)) return integer_of(a) == integer_of(b);
  if (a.is_number() && b.is_number()) return number_of(a) == number_of(b);
  if (a.variant().index() != b.variant().index()) return false;
  if (a.is_none() || a.is_undefined()) return true;
  if (const Text* text = a.as_text()) {
    if (text->size() == b.as_text()->size()) budget.charge(text->size());
    return text->bytes() == b.as_text()->bytes();
  }
  if (const List* list = a.as_list()) {
    const List* other = b.as_list();
    return list->is_tuple == other->is_tuple &&
           std::ranges::equal(list->items, other->items,
                              [&](const Value& x, const Value& y) { return equal(x, y, budget); });
  }
  if (const Dict* dict = a.as_dict()) {
    if (dict->entries.size() != b.as_dict()->entries.size()) return false;
    return std::ranges::all_of(dict->entries, [&](const auto& entry) {
      const Value* other = lookup(*b.as_dict(), entry.first, budget);
      return other != nullptr && equal(entry.second, *other, budget);
    });
  }
  if (a.is<Namespace*>()) {
    return std::get<Namespace*>(a.variant()) == std::get<Namespace*>(b.variant());
  }
  return false;
}

int order(const Value& a, const Value& b, Budget& budget) {
  budget.charge(1);
  if (is_integer(a) && is_integer(b)) return sign(integer_of(a), integer_of(b));
  if (a.is_number() && b.is_number()) return sign(number_of(a), number_of(b));
  if (a.as_text() && b.as_text()) {
    budget.charge(std::min(a.as_text()->size(), b.as_text()->size()));
    // Bytes of UTF-8 order as their code points do.
    return a.as_text()->bytes().compare(b.as_text()->bytes());
  }
  const List* list = a.as_list();
  const List* other = b.as_list();
  if (list != nullptr && other != nullptr && list->is_tuple == other->is_tuple) {
    const std::size_t shared = std::min(list->items.size(), other->items.size());
    for (std::size_t i = 0; i < shared; ++i) {
      if (!equal(list->items[i], other->items[i], budget)) {
        return order(list->items[i], other->items[i], budget);
      }
    }
    return sign(list->items.size(), other->items.size());
  }
  if (const auto* undefined = std::get_if<Undefined>(&a.variant())) budget.fail(undefined->what);
  if (const auto* undefined = std::get_if<Undefined>(&b.variant())) budget.fail(undefined->what);
  budget.fail(fmt::format("'{}' and '{}' cannot be put in order", type_name(a), type_name(b)));
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (const Text* text = container.as_text()) {
    const Text& part = require_text(item, "the left side of 'in' a string", budget);
    budget.charge(text->size() + part.size());
    return find_bytes(text->bytes(), part.bytes(), 0) != std::string::npos;
  }
  if (const Dict* dict = container.as_dict()) return lookup(*dict, item, budget) != nullptr;
  const auto items = iterate(container, budget);
  return std::ranges::any_of(items->items,
                             [&](const Value& value) { return equal(value, item, budget); });
}

std::shared_ptr<const List> iterate(const Value& value, Budget& budget) {
  if (value.as_list()) return value.shared_list();
  std::vector<Value> items;
  if (const Dict* dict = value.as_dict()) {
    for (const auto& [key, unused] : dict->entries) items.push_back(key);
  } else if (const Text* text = value.as_text()) {
    budget.charge(text->size() * (kValueUnits + sizeof(Text)));
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t size = decode_utf8(std::string_view(text->bytes()).substr(at)).size_bytes;
      items.push_back(text->slice(at, at + size));
      at += size;
    }
  } else if (!value.is_undefined()) {
    budget.fail(fmt::format("'{}' object is not iterable", type_name(value)));
  }
  return Value::list(std::move(items), budget).shared_list();
}

const Value* lookup(const Dict& dict, const Value& key, Budget& budget) {
  for (const auto& [known, value] : dict.entries) {
    if (equal(known, key, budget)) return &value;
  }
  return nullptr;
}

const Value* lookup(const Dict& dict, std::string_view key) {
  for (const auto& [known, value] : dict.entries) {
    if (known.as_text() != nullptr && known.as_text()->bytes() == key) return &value;
  }
  return nullptr;
}

std::int64_t require_integer(const Value& value, std::string_view what, const Budget& budget) {
  if (const auto* undefined = std::get_if<Undefined>(&value.variant())) {
    budget.fail(undefined->what);
  }
  if (!is_integer(value)) {
    budget.fail(fmt::format("{} is a {}, expected a whole number", what, type_name(value)));
  }
  return integer_of(value);
}

const Text& require_text(const Value& value, std::string_view what, const Budget& budget) {
  if (const auto* undefined = std::get_if<Undefined>(&value.variant())) {
    budget.fail(undefined->what);
  }
  if (value.as_text() == nullptr) {
    budget.fail(fmt::format("{} is a {}, expected a string", what, type_name(value)));
  }
  return *value.as_text();
}

}  // namespace tandem::jinja
