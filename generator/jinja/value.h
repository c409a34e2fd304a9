// Values of the template language, with the behaviour of the Python objects that they stand for.
//
// Values are immutable, as in Jinja's ImmutableSandboxedEnvironment, but for the attributes of a
// namespace. All functions are used by one thread at a time.
#ifndef TANDEM_GENERATOR_JINJA_VALUE_H_
#define TANDEM_GENERATOR_JINJA_VALUE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "generator/jinja/text.h"

namespace tandem::jinja {

class Value;
struct Node;  // syntax.h

// Where rendering is and what it may still cost. A template comes with a model file and may be
// hostile: every step, copy and comparison is charged.
class Budget {
 public:
  explicit Budget(std::uint64_t units) : left_(units) {}

  // About one unit a byte copied or compared. Throws kTooLarge when all is spent.
  void charge(std::uint64_t units);

  // Throws: the template asked for something that cannot be done with these values.
  [[noreturn]] void fail(std::string_view message) const;
  // Throws: the template uses something that this interpreter does not have.
  [[noreturn]] void unsupported(std::string_view construct) const;

  int line = 1;  // of the template, for messages

 private:
  std::uint64_t left_;
};

struct None {};

// What a missing name or attribute gives: prints nothing, is false, and fails when used further.
struct Undefined {
  std::string what;  // "'name' is undefined"
};

struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  int height = 1;  // of the tree of lists and dicts under it
};

struct Dict {
  std::vector<std::pair<Value, Value>> entries;  // in the order of insertion; keys are unique
  int height = 1;
};

// The one thing that changes. Owned by the evaluator, not by values: a namespace that holds itself
// would never be freed otherwise.
struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
};

// The variable `loop`.
struct Loop {
  std::shared_ptr<const List> items;
  std::size_t index = 0;
};

enum class Function { kRange, kNamespace, kRaiseException, kStrftimeNow, kDict };

struct BoundMethod;

class Value {
 public:
  using Variant =
      std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const Text>,
                   std::shared_ptr<const List>, std::shared_ptr<const Dict>, Namespace*,
                   std::shared_ptr<const Loop>, std::shared_ptr<const BoundMethod>, Function,
                   const Node*>;  // a macro

  Value() : variant_(Undefined{}) {}
  Value(Undefined value) : variant_(std::move(value)) {}
  Value(None value) : variant_(value) {}
  Value(bool value) : variant_(value) {}
  Value(std::int64_t value) : variant_(value) {}
  Value(double value) : variant_(value) {}
  Value(Text value) : variant_(std::make_shared<const Text>(std::move(value))) {}
  Value(Namespace* value) : variant_(value) {}
  Value(std::shared_ptr<const Loop> value) : variant_(std::move(value)) {}
  Value(BoundMethod value);
  Value(Function value) : variant_(value) {}
  Value(const Node* macro) : variant_(macro) {}

  // Nesting is limited, because lists are printed, compared and freed by recursion. Keys given
  // twice keep their first place and their last value, as in Python.
  static Value list(std::vector<Value> items, Budget& budget, bool is_tuple = false);
  static Value dict(std::vector<std::pair<Value, Value>> entries, Budget& budget);
  static Value text(std::string bytes, bool from_message = false) {
    return Text(std::move(bytes), from_message);
  }

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(variant_);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  bool is_number() const { return is<bool>() || is<std::int64_t>() || is<double>(); }
  bool is_callable() const;

  // Null for a value of another type.
  const Text* as_text() const;
  const List* as_list() const;
  const Dict* as_dict() const;

  const Variant& variant() const { return variant_; }
  std::shared_ptr<const List> shared_list() const;

 private:
  explicit Value(Variant variant) : variant_(std::move(variant)) {}
  Variant variant_;
};

// A method of a string, dict or loop that was looked up and not yet called.
struct BoundMethod {
  Value object;
  std::string name;
};

using Keywords = std::vector<std::pair<std::string, Value>>;

struct Arguments {
  std::vector<Value> positional;
  Keywords keywords;

  // The argument at `index` or of name `name`; null if it was not given.
  const Value* find(std::size_t index, std::string_view name) const;
};

// Name of the Python type, for messages.
std::string_view type_name(const Value& value);

bool truth(const Value& value);

// str(value): what {{ value }} prints.
Text to_text(const Value& value, Budget& budget);
// repr(value): what a list prints for it.
Text representation(const Value& value, Budget& budget);
// json.dumps(value, ...).
Text to_json(const Value& value, int indent, bool ascii_only, bool sort_keys, Budget& budget);

bool equal(const Value& a, const Value& b, Budget& budget);
// Negative, 0 or positive; fails for types that Python does not order.
int order(const Value& a, const Value& b, Budget& budget);
// `item in container`.
bool contains(const Value& container, const Value& item, Budget& budget);

// What `for` sees: items of a list, keys of a dict, characters of a string, nothing of an
// undefined.
std::shared_ptr<const List> iterate(const Value& value, Budget& budget);

// The value of `key`, or null.
const Value* lookup(const Dict& dict, const Value& key, Budget& budget);
const Value* lookup(const Dict& dict, std::string_view key);

// The integer that `value` must be, as an index or a count is.
std::int64_t require_integer(const Value& value, std::string_view what, const Budget& budget);
const Text& require_text(const Value& value, std::string_view what, const Budget& budget);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_VALUE_H_
