#include "generator/jinja/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "generator/jinja/builtins.h"

namespace tandem::jinja {
namespace {

using ExprPtr = std::unique_ptr<Expr>;

// Templates in use stay below 20.
constexpr int kMaxHeight = 100;

template <typename... Exprs>
std::vector<ExprPtr> children_of(Exprs... exprs) {
  std::vector<ExprPtr> children;
  (children.push_back(std::move(exprs)), ...);
  return children;
}

ExprPtr constant(Value value, int line) {
  auto expr = std::make_unique<Expr>();
  expr->line = line;
  expr->constant = std::move(value);
  return expr;
}

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenCursor& cursor) : cursor_(cursor) {}

  // Loosest first.
  ExprPtr parse_tuple(bool with_condition) {
    const int line = cursor_.current().line;
    ExprPtr first = with_condition ? parse_expression() : parse_or();
    if (!cursor_.is_operator(",")) return first;
    std::vector<ExprPtr> items = children_of(std::move(first));
    while (cursor_.skip_operator(",")) {
      if (cursor_.current().kind == TokenKind::kVariableEnd ||
          cursor_.current().kind == TokenKind::kBlockEnd || cursor_.is_operator(")")) {
        break;
      }
      items.push_back(with_condition ? parse_expression() : parse_or());
    }
    return make(ExprKind::kTuple, line, std::move(items));
  }

  ExprPtr parse_expression() {
    const TokenCursor::Level level(cursor_);
    const int line = cursor_.current().line;
    ExprPtr expr = parse_or();
    while (cursor_.skip_name("if")) {
      ExprPtr test = parse_or();
      ExprPtr otherwise = cursor_.skip_name("else") ? parse_expression() : nullptr;
      expr = make(ExprKind::kConditional, line,
                  children_of(std::move(expr), std::move(test), std::move(otherwise)));
    }
    return expr;
  }

  ExprPtr parse_filters(ExprPtr expr, bool inline_first) {
    while (inline_first || cursor_.skip_operator("|")) {
      inline_first = false;
      const int line = cursor_.current().line;
      std::string name = cursor_.take_name();
      if (!is_filter(name)) fail_syntax(line, fmt::format("the filter '{}'", name.substr(0, 40)));
      expr = make(ExprKind::kFilter, line, children_of(std::move(expr)), std::move(name));
      if (cursor_.is_operator("(")) parse_arguments(*expr);
      expr = finish(std::move(expr));
    }
    return expr;
  }

 private:
  ExprPtr parse_or() {
    ExprPtr left = parse_and();
    while (cursor_.is_name("or")) {
      const int line = cursor_.take().line;
      left = make(ExprKind::kOr, line, children_of(std::move(left), parse_and()));
    }
    return left;
  }

  ExprPtr parse_and() {
    ExprPtr left = parse_not();
    while (cursor_.is_name("and")) {
      const int line = cursor_.take().line;
      left = make(ExprKind::kAnd, line, children_of(std::move(left), parse_not()));
    }
    return left;
  }

  ExprPtr parse_not() {
    if (!cursor_.is_name("not")) return parse_compare();
    const TokenCursor::Level level(cursor_);
    const int line = cursor_.take().line;
    return make(ExprKind::kNot, line, children_of(parse_not()));
  }

  ExprPtr parse_compare() {
    ExprPtr first = parse_sum();
    auto compare = std::make_unique<Expr>();
    compare->kind = ExprKind::kCompare;
    compare->line = first->line;
    compare->children.push_back(std::move(first));
    while (true) {
      if (cursor_.is_operator({"==", "!=", "<", "<=", ">", ">="})) {
        compare->operators.push_back(cursor_.take().text);
      } else if (cursor_.skip_name("in")) {
        compare->operators.push_back("in");
      } else if (cursor_.is_name("not") && cursor_.look().kind == TokenKind::kName &&
                 cursor_.look().text == "in") {
        cursor_.take();
        cursor_.take();
        compare->operators.push_back("not in");
      } else {
        break;
      }
      compare->children.push_back(parse_sum());
    }
    if (compare->operators.empty()) return std::move(compare->children.front());
    return finish(std::move(compare));
  }

  template <typename Operand>
  ExprPtr parse_arithmetic(std::initializer_list<std::string_view> operators,
                           const Operand& operand) {
    ExprPtr left = operand();
    while (cursor_.is_operator(operators)) {
      const Token op = cursor_.take();
      left = make(ExprKind::kArithmetic, op.line, children_of(std::move(left), operand()));
      left->operators.push_back(op.text);
    }
    return left;
  }

  ExprPtr parse_sum() {
    return parse_arithmetic({"+", "-"}, [this] { return parse_concatenation(); });
  }

  ExprPtr parse_concatenation() {
    const int line = cursor_.current().line;
    std::vector<ExprPtr> parts = children_of(parse_product());
    while (cursor_.skip_operator("~")) parts.push_back(parse_product());
    if (parts.size() == 1) return std::move(parts.front());
    return make(ExprKind::kConcatenate, line, std::move(parts));
  }

  ExprPtr parse_product() {
    return parse_arithmetic({"*", "/", "//", "%"}, [this] {
      return parse_arithmetic({"**"}, [this] { return parse_unary(true); });
    });
  }

  ExprPtr parse_unary(bool with_filters) {
    const TokenCursor::Level level(cursor_);
    const int line = cursor_.current().line;
    ExprPtr expr;
    if (cursor_.is_operator("-") || cursor_.is_operator("+")) {
      const bool negate = cursor_.take().text == "-";
      expr =
          make(negate ? ExprKind::kNegate : ExprKind::kPlus, line, children_of(parse_unary(false)));
    } else {
      expr = parse_primary();
    }
    expr = parse_postfix(std::move(expr));
    return with_filters ? parse_filters_and_tests(std::move(expr)) : std::move(expr);
  }

  ExprPtr parse_primary() {
    const int line = cursor_.current().line;
    switch (cursor_.current().kind) {
      case TokenKind::kName: {
        const std::string name = cursor_.take().text;
        if (name == "true" || name == "True") return constant(true, line);
        if (name == "false" || name == "False") return constant(false, line);
        if (name == "none" || name == "None") return constant(None{}, line);
        return make(ExprKind::kName, line, {}, name);
      }
      case TokenKind::kString: {
        std::string text = cursor_.take().text;
        while (cursor_.current().kind == TokenKind::kString) text += cursor_.take().text;
        return constant(Value::text(std::move(text)), line);
      }
      case TokenKind::kInteger:
        return constant(cursor_.take().integer, line);
      case TokenKind::kFloat:
        return constant(cursor_.take().number, line);
      default:
        break;
    }
    if (cursor_.skip_operator("(")) {
      if (cursor_.skip_operator(")")) return make(ExprKind::kTuple, line);
      ExprPtr expr = parse_tuple(true);
      cursor_.expect_operator(")");
      return expr;
    }
    if (cursor_.skip_operator("[")) {
      std::vector<ExprPtr> items;
      while (!cursor_.is_operator("]")) {
        if (!items.empty()) cursor_.expect_operator(",");
        if (cursor_.is_operator("]")) break;
        items.push_back(parse_expression());
      }
      cursor_.take();
      return make(ExprKind::kList, line, std::move(items));
    }
    if (cursor_.skip_operator("{")) {
      std::vector<ExprPtr> items;
      while (!cursor_.is_operator("}")) {
        if (!items.empty()) cursor_.expect_operator(",");
        if (cursor_.is_operator("}")) break;
        items.push_back(parse_expression());
        cursor_.expect_operator(":");
        items.push_back(parse_expression());
      }
      cursor_.take();
      return make(ExprKind::kDict, line, std::move(items));
    }
    cursor_.fail(cursor_.describe() + " where an expression is expected");
  }

  ExprPtr parse_postfix(ExprPtr expr) {
    while (true) {
      const int line = cursor_.current().line;
      if (cursor_.skip_operator(".")) {
        if (cursor_.current().kind == TokenKind::kInteger) {
          expr = make(ExprKind::kItem, line,
                      children_of(std::move(expr), constant(cursor_.take().integer, line)));
        } else {
          expr =
              make(ExprKind::kAttribute, line, children_of(std::move(expr)), cursor_.take_name());
        }
      } else if (cursor_.skip_operator("[")) {
        expr = parse_subscript(std::move(expr), line);
      } else if (cursor_.is_operator("(")) {
        expr = parse_call(std::move(expr));
      } else {
        return expr;
      }
    }
  }

  ExprPtr parse_subscript(ExprPtr object, int line) {
    ExprPtr first = cursor_.is_operator(":") ? nullptr : parse_expression();
    if (cursor_.skip_operator("]")) {
      return make(ExprKind::kItem, line, children_of(std::move(object), std::move(first)));
    }
    cursor_.expect_operator(":");
    ExprPtr last =
        cursor_.is_operator(":") || cursor_.is_operator("]") ? nullptr : parse_expression();
    ExprPtr step =
        cursor_.skip_operator(":") && !cursor_.is_operator("]") ? parse_expression() : nullptr;
    cursor_.expect_operator("]");
    return make(ExprKind::kSlice, line,
                children_of(std::move(object), std::move(first), std::move(last), std::move(step)));
  }

  // Appends the arguments in parentheses to `call`.
  void parse_arguments(Expr& call) {
    cursor_.expect_operator("(");
    bool first = true;
    while (!cursor_.is_operator(")")) {
      if (!first) cursor_.expect_operator(",");
      first = false;
      if (cursor_.is_operator(")")) break;
      if (cursor_.is_operator("*") || cursor_.is_operator("**")) cursor_.fail("unpacked arguments");
      if (cursor_.current().kind == TokenKind::kName &&
          cursor_.look().kind == TokenKind::kOperator && cursor_.look().text == "=") {
        std::string name = cursor_.take().text;
        cursor_.take();
        call.keywords.emplace_back(std::move(name), parse_expression());
      } else {
        if (!call.keywords.empty()) cursor_.fail("an argument after one with a name");
        call.children.push_back(parse_expression());
      }
    }
    cursor_.take();
  }

  ExprPtr parse_call(ExprPtr callee) {
    ExprPtr call = make(ExprKind::kCall, cursor_.current().line, children_of(std::move(callee)));
    parse_arguments(*call);
    return finish(std::move(call));
  }

  ExprPtr parse_filters_and_tests(ExprPtr expr) {
    while (true) {
      if (cursor_.is_operator("|")) {
        expr = parse_filters(std::move(expr), false);
      } else if (cursor_.is_name("is")) {
        expr = parse_test(std::move(expr));
      } else if (cursor_.is_operator("(")) {
        expr = parse_call(std::move(expr));
      } else {
        return expr;
      }
    }
  }

  ExprPtr parse_test(ExprPtr expr) {
    const int line = cursor_.take().line;
    const bool negated = cursor_.skip_name("not");
    std::string name = cursor_.take_name();
    if (!is_test(name)) fail_syntax(line, fmt::format("the test '{}'", name.substr(0, 40)));
    ExprPtr test = make(ExprKind::kTest, line, children_of(std::move(expr)), std::move(name));
    if (cursor_.is_operator("(")) {
      parse_arguments(*test);
    } else if (begins_test_argument()) {
      const TokenCursor::Level level(cursor_);
      test->children.push_back(parse_postfix(parse_primary()));
    }
    test = finish(std::move(test));
    return negated ? make(ExprKind::kNot, line, children_of(std::move(test))) : std::move(test);
  }

  bool begins_test_argument() const {
    switch (cursor_.current().kind) {
      case TokenKind::kName:
        if (cursor_.is_name("is")) cursor_.fail("a test after a test");
        // jinja2 would take `if` and `in` as names here and fail.
        return !cursor_.is_name({"else", "or", "and", "if", "in", "not"});
      case TokenKind::kString:
      case TokenKind::kInteger:
      case TokenKind::kFloat:
        return true;
      default:
        return cursor_.is_operator("[") || cursor_.is_operator("{");
    }
  }

  ExprPtr make(ExprKind kind, int line, std::vector<ExprPtr> children = {}, std::string name = {}) {
    auto expr = std::make_unique<Expr>();
    expr->kind = kind;
    expr->line = line;
    expr->name = std::move(name);
    expr->children = std::move(children);
    return finish(std::move(expr));
  }
  // Measures the tree under `expr`: "a + a + a ..." needs no nesting and is as deep as it is long.
  ExprPtr finish(ExprPtr expr) const {
    for (const ExprPtr& child : expr->children) {
      if (child) expr->height = std::max(expr->height, child->height + 1);
    }
    for (const auto& [name, value] : expr->keywords) {
      expr->height = std::max(expr->height, value->height + 1);
    }
    if (expr->height > kMaxHeight) cursor_.fail("an expression that is too long");
    return expr;
  }

  TokenCursor& cursor_;
};

}  // namespace

ExprPtr parse_expression(TokenCursor& cursor) {
  return ExpressionParser(cursor).parse_expression();
}

ExprPtr parse_tuple(TokenCursor& cursor, bool with_condition) {
  return ExpressionParser(cursor).parse_tuple(with_condition);
}

ExprPtr parse_filters(TokenCursor& cursor, bool inline_first) {
  return ExpressionParser(cursor).parse_filters(constant(Undefined{}, cursor.current().line),
                                                inline_first);
}

}  // namespace tandem::jinja
