#include "generator/jinja/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>

#include "generator/jinja/builtins.h"
#include "generator/jinja/functions.h"
#include "generator/jinja/operators.h"
#include "generator/jinja/strings.h"

namespace tandem::jinja {
namespace {

// Depth of evaluation: of the tree, times the macros that call each other. Bounds the stack to less
// than a mebibyte; templates in use stay below 40.
constexpr int kMaxDepth = 200;
// Charged for each node of the tree that is evaluated.
constexpr std::uint64_t kStepUnits = 32;

enum class Flow { kNormal, kBreak, kContinue };

using Scope = std::vector<std::pair<std::string, Value>>;

class Evaluator {
 public:
  Evaluator(Scope globals, Budget& budget) : budget_(budget) {
    scopes_.push_back(std::move(globals));
  }

  Text run(const Node::Body& body) {
    Text out;
    execute(body, out);
    return out;
  }

 private:
  class Level {
   public:
    explicit Level(Evaluator& evaluator) : evaluator_(evaluator) {
      evaluator_.budget_.charge(kStepUnits);
      if (evaluator_.depth_ == kMaxDepth)
        evaluator_.budget_.fail("macros call each other too deeply");
      ++evaluator_.depth_;
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --evaluator_.depth_; }

   private:
    Evaluator& evaluator_;
  };

  class ScopeGuard {
   public:
    explicit ScopeGuard(Evaluator& evaluator) : evaluator_(evaluator) {
      evaluator_.scopes_.emplace_back();
    }
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;
    ~ScopeGuard() { evaluator_.scopes_.pop_back(); }

   private:
    Evaluator& evaluator_;
  };

  void append(Text& out, const Text& text) {
    budget_.charge(text.size());
    out.append(text);
  }

  // Variables.
  const Value* find(std::string_view name) const {
    const auto in = [&](const Scope& scope) -> const Value* {
      for (const auto& [known, value] : scope) {
        if (known == name) return &value;
      }
      return nullptr;
    };
    for (std::size_t i = scopes_.size(); i > floor_; --i) {
      if (const Value* value = in(scopes_[i - 1])) return value;
    }
    return in(scopes_.front());
  }

  void bind(const std::string& name, Value value) {
    for (auto& [known, old] : scopes_.back()) {
      if (known == name) {
        old = std::move(value);
        return;
      }
    }
    scopes_.back().emplace_back(name, std::move(value));
  }

  void assign(const Target& target, Value value) {
    if (!target.attribute.empty()) {
      const Value* object = find(target.names.front());
      const auto* space = object ? std::get_if<Namespace*>(&object->variant()) : nullptr;
      if (space == nullptr) budget_.fail("cannot assign attribute on non-namespace object");
      set_attribute(**space, target.attribute, std::move(value));
    } else if (!target.unpacks) {
      bind(target.names.front(), std::move(value));
    } else {
      const auto items = iterate(value, budget_);
      if (items->items.size() != target.names.size()) {
        budget_.fail(fmt::format("{} values where {} are expected", items->items.size(),
                                 target.names.size()));
      }
      for (std::size_t i = 0; i < target.names.size(); ++i) bind(target.names[i], items->items[i]);
    }
  }

  // Statements.
  Flow execute(const Node::Body& body, Text& out) {
    for (const auto& node : body) {
      const Flow flow = execute(*node, out);
      if (flow != Flow::kNormal) return flow;
    }
    return Flow::kNormal;
  }

  Flow execute(const Node& node, Text& out) {
    const Level level(*this);
    budget_.line = node.line;
    switch (node.kind) {
      case NodeKind::kData:
        budget_.charge(node.text.size());
        out.append(node.text, false);
        return Flow::kNormal;
      case NodeKind::kOutput:
        append(out, to_text(evaluate(*node.expr), budget_));
        return Flow::kNormal;
      case NodeKind::kIf:
        for (const Node::Branch& branch : node.branches) {
          if (truth(evaluate(*branch.test))) return execute(branch.body, out);
        }
        return execute(node.else_body, out);
      case NodeKind::kFor:
        execute_for(node, out);
        return Flow::kNormal;
      case NodeKind::kSet:
        assign(node.target, evaluate(*node.expr));
        return Flow::kNormal;
      case NodeKind::kSetBlock:
        assign(node.target, capture(node));
        return Flow::kNormal;
      case NodeKind::kFilter:
        append(out, to_text(capture(node), budget_));
        return Flow::kNormal;
      case NodeKind::kMacro:
        bind(node.name, &node);
        return Flow::kNormal;
      case NodeKind::kScope: {
        const ScopeGuard scope(*this);
        return execute(node.body, out);
      }
      case NodeKind::kBreak:
        return Flow::kBreak;
      case NodeKind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kNormal;
  }

  // What the body of a block prints, through its filters.
  [[gnu::noinline]] Value capture(const Node& node) {
    Text text;
    {
      const ScopeGuard scope(*this);
      execute(node.body, text);
    }
    return node.filters ? filter(*node.filters, std::move(text)) : Value(std::move(text));
  }

  [[gnu::noinline]] void execute_for(const Node& node, Text& out) {
    std::shared_ptr<const List> items = iterate(evaluate(*node.expr), budget_);
    if (node.test) {
      std::vector<Value> kept;
      for (const Value& item : items->items) {
        const ScopeGuard scope(*this);
        assign(node.target, item);
        if (truth(evaluate(*node.test))) kept.push_back(item);
      }
      items = Value::list(std::move(kept), budget_).shared_list();
    }
    const auto loop = std::make_shared<Loop>(Loop{items, 0});
    for (; loop->index < items->items.size(); ++loop->index) {
      const ScopeGuard scope(*this);
      bind("loop", std::shared_ptr<const Loop>(loop));
      assign(node.target, items->items[loop->index]);
      if (execute(node.body, out) == Flow::kBreak) break;
    }
    if (items->items.empty()) {
      const ScopeGuard scope(*this);
      execute(node.else_body, out);
    }
  }

  // Expressions. What needs more than a few variables is kept out of line: evaluate() recurses, and
  // its frame would hold the variables of all of them.
  Value evaluate(const Expr& expr) {
    const Level level(*this);
    budget_.line = expr.line;
    const auto child = [&](std::size_t i) { return evaluate(*expr.children[i]); };
    switch (expr.kind) {
      case ExprKind::kConstant:
        return expr.constant;
      case ExprKind::kName:
        return evaluate_name(expr.name);
      case ExprKind::kList:
      case ExprKind::kTuple:
        return Value::list(evaluate_all(expr, 0), budget_, expr.kind == ExprKind::kTuple);
      case ExprKind::kDict:
        return evaluate_dict(expr);
      case ExprKind::kAttribute:
        return get_attribute(child(0), expr.name, budget_);
      case ExprKind::kItem: {
        const Value object = child(0);
        return get_item(object, child(1), budget_);
      }
      case ExprKind::kSlice:
        return evaluate_slice(expr);
      case ExprKind::kCall:
        return evaluate_call(expr);
      case ExprKind::kFilter:
        return call_filter(expr.name, child(0), evaluate_arguments(expr), budget_);
      case ExprKind::kTest:
        return call_test(expr.name, child(0), evaluate_arguments(expr), budget_);
      case ExprKind::kNegate:
        return negate(child(0), budget_);
      case ExprKind::kPlus:
        return arithmetic("+", std::int64_t{0}, child(0), budget_);
      case ExprKind::kNot:
        return !truth(child(0));
      case ExprKind::kAnd: {
        Value left = child(0);
        return truth(left) ? child(1) : left;
      }
      case ExprKind::kOr: {
        Value left = child(0);
        return truth(left) ? left : child(1);
      }
      case ExprKind::kConditional:
        if (truth(child(1))) return child(0);
        if (expr.children[2]) return child(2);
        return without_else();
      case ExprKind::kConcatenate:
        return evaluate_concatenation(expr);
      case ExprKind::kArithmetic: {
        const Value left = child(0);
        return arithmetic(expr.operators.front(), left, child(1), budget_);
      }
      case ExprKind::kCompare:
        return evaluate_compare(expr);
    }
    return {};
  }

  [[gnu::noinline]] static Value without_else() {
    return Undefined{"the condition was false and there is no 'else'"};
  }

  [[gnu::noinline]] Value evaluate_concatenation(const Expr& expr) {
    Text text;
    for (const auto& part : expr.children) append(text, to_text(evaluate(*part), budget_));
    return text;
  }

  [[gnu::noinline]] Value evaluate_name(const std::string& name) const {
    if (const Value* value = find(name)) return *value;
    if (const auto function = find_function(name)) return *function;
    return Undefined{fmt::format("'{}' is undefined", name)};
  }

  std::vector<Value> evaluate_all(const Expr& expr, std::size_t first) {
    std::vector<Value> values;
    for (std::size_t i = first; i < expr.children.size(); ++i) {
      values.push_back(evaluate(*expr.children[i]));
    }
    return values;
  }

  // Of a call, filter or test: all children but the first.
  [[gnu::noinline]] Arguments evaluate_arguments(const Expr& expr) {
    Arguments arguments;
    arguments.positional = evaluate_all(expr, 1);
    for (const auto& [name, value] : expr.keywords) {
      arguments.keywords.emplace_back(name, evaluate(*value));
    }
    return arguments;
  }

  [[gnu::noinline]] Value evaluate_dict(const Expr& expr) {
    std::vector<std::pair<Value, Value>> entries;
    for (std::size_t i = 0; i + 1 < expr.children.size(); i += 2) {
      Value key = evaluate(*expr.children[i]);
      entries.emplace_back(std::move(key), evaluate(*expr.children[i + 1]));
    }
    return Value::dict(std::move(entries), budget_);
  }

  [[gnu::noinline]] Value evaluate_slice(const Expr& expr) {
    std::array<Value, 4> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i] = expr.children[i] ? evaluate(*expr.children[i]) : Value(None{});
    }
    return get_slice(parts[0], parts[1], parts[2], parts[3], budget_);
  }

  bool compare(const std::string& op, const Value& a, const Value& b) {
    if (op == "==") return equal(a, b, budget_);
    if (op == "!=") return !equal(a, b, budget_);
    if (op == "in") return contains(b, a, budget_);
    if (op == "not in") return !contains(b, a, budget_);
    const int sign = order(a, b, budget_);
    if (op == "<") return sign < 0;
    if (op == "<=") return sign <= 0;
    if (op == ">") return sign > 0;
    return sign >= 0;
  }

  [[gnu::noinline]] Value evaluate_compare(const Expr& expr) {
    Value left = evaluate(*expr.children[0]);
    for (std::size_t i = 0; i < expr.operators.size(); ++i) {
      Value right = evaluate(*expr.children[i + 1]);
      if (!compare(expr.operators[i], left, right)) return false;
      left = std::move(right);
    }
    return true;
  }

  // The chain of filters `expr` on `input`, which takes the place of the constant at its heart.
  Value filter(const Expr& expr, Value input) {
    if (expr.kind != ExprKind::kFilter) return input;
    Value inner = filter(*expr.children[0], std::move(input));
    const Level level(*this);
    return call_filter(expr.name, inner, evaluate_arguments(expr), budget_);
  }

  [[gnu::noinline]] Value evaluate_call(const Expr& expr) {
    const Value callee = evaluate(*expr.children[0]);
    const Arguments arguments = evaluate_arguments(expr);
    budget_.line = expr.line;
    if (const auto* method = std::get_if<std::shared_ptr<const BoundMethod>>(&callee.variant())) {
      return call_method(**method, arguments, budget_);
    }
    if (const auto* function = std::get_if<Function>(&callee.variant())) {
      return call_function(*function, arguments, namespaces_, budget_);
    }
    if (const auto* macro = std::get_if<const Node*>(&callee.variant())) {
      return call_macro(**macro, arguments);
    }
    if (const auto* undefined = std::get_if<Undefined>(&callee.variant())) {
      const Expr& target = *expr.children[0];
      if (target.kind == ExprKind::kAttribute) {
        budget_.unsupported(fmt::format("the method '{}'", target.name));
      }
      budget_.fail(undefined->what);
    }
    budget_.fail(fmt::format("'{}' object is not callable", type_name(callee)));
  }

  [[gnu::noinline]] Value call_macro(const Node& macro, const Arguments& arguments) {
    if (arguments.positional.size() > macro.parameters.size()) {
      budget_.fail(fmt::format("macro '{}' takes not more than {} arguments", macro.name,
                               macro.parameters.size()));
    }
    // A macro sees its own variables and those of the template, not those of its caller.
    const std::size_t caller_floor = std::exchange(floor_, scopes_.size());
    const ScopeGuard scope(*this);
    for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
      const Node::Parameter& parameter = macro.parameters[i];
      if (const Value* value = arguments.find(i, parameter.name)) {
        bind(parameter.name, *value);
      } else if (parameter.default_value) {
        bind(parameter.name, evaluate(*parameter.default_value));
      } else {
        bind(parameter.name,
             Undefined{fmt::format("parameter '{}' was not provided", parameter.name)});
      }
    }
    Text text;
    execute(macro.body, text);
    floor_ = caller_floor;
    return text;
  }

  Budget& budget_;
  std::vector<Scope> scopes_;  // the first is that of the template
  std::size_t floor_ = 0;      // the first scope, beside that of the template, that can be seen
  std::deque<Namespace> namespaces_;
  int depth_ = 0;
};

}  // namespace

Text evaluate(const Node::Body& body, std::vector<std::pair<std::string, Value>> variables,
              Budget& budget) {
  return Evaluator(std::move(variables), budget).run(body);
}

}  // namespace tandem::jinja
