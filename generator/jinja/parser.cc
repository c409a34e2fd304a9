#include "generator/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "generator/jinja/builtins.h"
#include "generator/jinja/lexer.h"

namespace tandem::jinja {
namespace {

using ExprPtr = std::unique_ptr<Expr>;
using NodePtr = std::unique_ptr<Node>;

// Templates in use stay below 20.
constexpr int kMaxNesting = 50;
constexpr int kMaxHeight = 100;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Node::Body run() {
    Node::Body body = parse_body({});
    if (current().kind != TokenKind::kEnd) fail(fmt::format("an unexpected '{}'", current().text));
    return body;
  }

 private:
  // Counts nesting for the time of a call.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) {
      if (++parser_.nesting_ > kMaxNesting) parser_.fail("expressions or blocks nested too deeply");
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --parser_.nesting_; }

   private:
    Parser& parser_;
  };

  // Cursor.
  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take() {
    Token token = current();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  [[noreturn]] void fail(std::string_view what) const { fail_syntax(current().line, what); }

  bool is_operator(std::string_view text) const {
    return current().kind == TokenKind::kOperator && current().text == text;
  }
  bool is_name(std::string_view text) const {
    return current().kind == TokenKind::kName && current().text == text;
  }
  bool is_name(std::initializer_list<std::string_view> texts) const {
    return std::ranges::any_of(texts, [&](std::string_view text) { return is_name(text); });
  }
  bool skip_operator(std::string_view text) {
    if (!is_operator(text)) return false;
    take();
    return true;
  }
  bool skip_name(std::string_view text) {
    if (!is_name(text)) return false;
    take();
    return true;
  }
  void expect_operator(std::string_view text) {
    if (!skip_operator(text)) fail(fmt::format("{} where '{}' is expected", describe(), text));
  }
  void expect_name(std::string_view text) {
    if (!skip_name(text)) fail(fmt::format("{} where '{}' is expected", describe(), text));
  }
  std::string take_name() {
    if (current().kind != TokenKind::kName) fail(describe() + " where a name is expected");
    return take().text;
  }
  void expect_block_end() {
    if (current().kind != TokenKind::kBlockEnd) fail(describe() + " where a block should end");
    take();
  }
  std::string describe() const {
    switch (current().kind) {
      case TokenKind::kData:
        return "text";
      case TokenKind::kEnd:
        return "the end of the template";
      case TokenKind::kVariableBegin:
      case TokenKind::kVariableEnd:
      case TokenKind::kBlockBegin:
      case TokenKind::kBlockEnd:
        return "the border of a tag";
      default:
        return fmt::format("'{}'", current().text.substr(0, 40));
    }
  }

  // Trees.
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
    if (expr->height > kMaxHeight) fail("an expression that is too long");
    return expr;
  }
  template <typename... Exprs>
  static std::vector<ExprPtr> children_of(Exprs... exprs) {
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

  // Statements.
  static NodePtr make_node(NodeKind kind, int line) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->line = line;
    return node;
  }

  // Up to a block that begins with one of `ends`, which is left to the caller, or to the end of the
  // template if there are none.
  Node::Body parse_body(std::initializer_list<std::string_view> ends) {
    const Level level(*this);
    Node::Body body;
    while (true) {
      const int line = current().line;
      switch (current().kind) {
        case TokenKind::kData:
          body.push_back(make_node(NodeKind::kData, line));
          body.back()->text = take().text;
          break;
        case TokenKind::kVariableBegin:
          take();
          body.push_back(make_node(NodeKind::kOutput, line));
          body.back()->expr = parse_tuple(true);
          if (current().kind != TokenKind::kVariableEnd) {
            fail(describe() + " where an expression should end");
          }
          take();
          break;
        case TokenKind::kBlockBegin:
          take();
          if (std::ranges::any_of(ends, [&](std::string_view end) { return is_name(end); })) {
            return body;
          }
          if (NodePtr node = parse_statement()) body.push_back(std::move(node));
          break;
        default:
          if (ends.size() > 0) fail(fmt::format("no '{}'", *(ends.end() - 1)));
          return body;
      }
    }
  }

  // One that ends with `end`, which is taken.
  Node::Body parse_body_until(std::string_view end) {
    Node::Body body = parse_body({end});
    take();
    expect_block_end();
    return body;
  }

  NodePtr parse_statement() {
    const int line = current().line;
    const std::string keyword = take_name();
    if (keyword == "for") return parse_for(line);
    if (keyword == "if") return parse_if(line);
    if (keyword == "set") return parse_set(line);
    if (keyword == "macro") return parse_macro(line);
    if (keyword == "filter") {
      NodePtr node = make_node(NodeKind::kFilter, line);
      node->filters = parse_filters(constant(Undefined{}, line), true);
      expect_block_end();
      node->body = parse_body_until("endfilter");
      return node;
    }
    // Marks what the assistant says, for training on it alone; it changes nothing of the text.
    if (keyword == "generation") {
      NodePtr node = make_node(NodeKind::kScope, line);
      expect_block_end();
      node->body = parse_body_until("endgeneration");
      return node;
    }
    if (keyword == "break" || keyword == "continue") {
      if (loops_ == 0) fail_syntax(line, fmt::format("'{}' outside of a loop", keyword));
      expect_block_end();
      return make_node(keyword == "break" ? NodeKind::kBreak : NodeKind::kContinue, line);
    }
    fail_syntax(line, fmt::format("the block '{}'", keyword.substr(0, 40)));
  }

  NodePtr parse_for(int line) {
    NodePtr node = make_node(NodeKind::kFor, line);
    node->target = parse_target(false);
    expect_name("in");
    node->expr = parse_tuple(false);
    if (skip_name("if")) node->test = parse_expression();
    if (is_name("recursive")) fail("a recursive loop");
    expect_block_end();
    ++loops_;
    node->body = parse_body({"else", "endfor"});
    --loops_;
    const bool has_else = take().text == "else";
    expect_block_end();
    if (has_else) node->else_body = parse_body_until("endfor");
    return node;
  }

  NodePtr parse_if(int line) {
    NodePtr node = make_node(NodeKind::kIf, line);
    while (true) {
      ExprPtr test = parse_tuple(false);
      expect_block_end();
      Node::Body body = parse_body({"elif", "else", "endif"});
      node->branches.push_back({std::move(test), std::move(body)});
      const std::string keyword = take().text;
      if (keyword == "elif") continue;
      expect_block_end();
      if (keyword == "else") node->else_body = parse_body_until("endif");
      return node;
    }
  }

  NodePtr parse_set(int line) {
    NodePtr node = make_node(NodeKind::kSet, line);
    node->target = parse_target(true);
    if (skip_operator("=")) {
      node->expr = parse_tuple(true);
      expect_block_end();
      return node;
    }
    node->kind = NodeKind::kSetBlock;
    if (is_operator("|")) node->filters = parse_filters(constant(Undefined{}, line), false);
    expect_block_end();
    node->body = parse_body_until("endset");
    return node;
  }

  NodePtr parse_macro(int line) {
    NodePtr node = make_node(NodeKind::kMacro, line);
    node->name = take_name();
    expect_operator("(");
    while (!is_operator(")")) {
      if (!node->parameters.empty()) expect_operator(",");
      if (is_operator(")")) break;
      Node::Parameter parameter;
      parameter.name = take_name();
      if (skip_operator("=")) parameter.default_value = parse_expression();
      node->parameters.push_back(std::move(parameter));
    }
    expect_operator(")");
    expect_block_end();
    // A macro in a loop cannot leave the loop.
    const int loops = std::exchange(loops_, 0);
    node->body = parse_body_until("endmacro");
    loops_ = loops;
    return node;
  }

  Target parse_target(bool allow_attribute) {
    Target target;
    const bool parenthesised = skip_operator("(");
    target.names.push_back(take_assignable());
    if (allow_attribute && !parenthesised && skip_operator(".")) {
      target.attribute = take_name();
      return target;
    }
    while (skip_operator(",")) {
      target.unpacks = true;
      if (current().kind != TokenKind::kName || is_name("in")) break;
      target.names.push_back(take_assignable());
    }
    if (parenthesised) expect_operator(")");
    return target;
  }

  std::string take_assignable() {
    if (is_name({"true", "false", "none", "True", "False", "None"})) {
      fail(fmt::format("an assignment to '{}'", current().text));
    }
    return take_name();
  }

  // Expressions, loosest first.
  ExprPtr parse_tuple(bool with_condition) {
    const int line = current().line;
    ExprPtr first = with_condition ? parse_expression() : parse_or();
    if (!is_operator(",")) return first;
    std::vector<ExprPtr> items = children_of(std::move(first));
    while (skip_operator(",")) {
      if (current().kind == TokenKind::kVariableEnd || current().kind == TokenKind::kBlockEnd ||
          is_operator(")")) {
        break;
      }
      items.push_back(with_condition ? parse_expression() : parse_or());
    }
    return make(ExprKind::kTuple, line, std::move(items));
  }

  ExprPtr parse_expression() {
    const Level level(*this);
    const int line = current().line;
    ExprPtr expr = parse_or();
    while (skip_name("if")) {
      ExprPtr test = parse_or();
      ExprPtr otherwise = skip_name("else") ? parse_expression() : nullptr;
      expr = make(ExprKind::kConditional, line,
                  children_of(std::move(expr), std::move(test), std::move(otherwise)));
    }
    return expr;
  }

  ExprPtr parse_or() {
    ExprPtr left = parse_and();
    while (is_name("or")) {
      const int line = take().line;
      left = make(ExprKind::kOr, line, children_of(std::move(left), parse_and()));
    }
    return left;
  }

  ExprPtr parse_and() {
    ExprPtr left = parse_not();
    while (is_name("and")) {
      const int line = take().line;
      left = make(ExprKind::kAnd, line, children_of(std::move(left), parse_not()));
    }
    return left;
  }

  ExprPtr parse_not() {
    if (!is_name("not")) return parse_compare();
    const Level level(*this);
    const int line = take().line;
    return make(ExprKind::kNot, line, children_of(parse_not()));
  }

  ExprPtr parse_compare() {
    constexpr std::array<std::string_view, 6> kComparisons = {"==", "!=", "<", "<=", ">", ">="};
    ExprPtr first = parse_sum();
    auto compare = std::make_unique<Expr>();
    compare->kind = ExprKind::kCompare;
    compare->line = first->line;
    compare->children.push_back(std::move(first));
    while (true) {
      if (current().kind == TokenKind::kOperator &&
          std::ranges::find(kComparisons, current().text) != kComparisons.end()) {
        compare->operators.push_back(take().text);
      } else if (skip_name("in")) {
        compare->operators.push_back("in");
      } else if (is_name("not") && look().kind == TokenKind::kName && look().text == "in") {
        take();
        take();
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
    while (std::ranges::any_of(operators, [&](std::string_view op) { return is_operator(op); })) {
      const Token op = take();
      left = make(ExprKind::kArithmetic, op.line, children_of(std::move(left), operand()));
      left->operators.push_back(op.text);
    }
    return left;
  }

  ExprPtr parse_sum() {
    return parse_arithmetic({"+", "-"}, [this] { return parse_concatenation(); });
  }

  ExprPtr parse_concatenation() {
    const int line = current().line;
    std::vector<ExprPtr> parts = children_of(parse_product());
    while (skip_operator("~")) parts.push_back(parse_product());
    if (parts.size() == 1) return std::move(parts.front());
    return make(ExprKind::kConcatenate, line, std::move(parts));
  }

  ExprPtr parse_product() {
    return parse_arithmetic({"*", "/", "//", "%"}, [this] {
      return parse_arithmetic({"**"}, [this] { return parse_unary(true); });
    });
  }

  ExprPtr parse_unary(bool with_filters) {
    const Level level(*this);
    const int line = current().line;
    ExprPtr expr;
    if (is_operator("-") || is_operator("+")) {
      const bool negate = take().text == "-";
      expr =
          make(negate ? ExprKind::kNegate : ExprKind::kPlus, line, children_of(parse_unary(false)));
    } else {
      expr = parse_primary();
    }
    expr = parse_postfix(std::move(expr));
    return with_filters ? parse_filters_and_tests(std::move(expr)) : std::move(expr);
  }

  ExprPtr parse_primary() {
    const int line = current().line;
    switch (current().kind) {
      case TokenKind::kName: {
        const std::string name = take().text;
        if (name == "true" || name == "True") return constant(true, line);
        if (name == "false" || name == "False") return constant(false, line);
        if (name == "none" || name == "None") return constant(None{}, line);
        return make(ExprKind::kName, line, {}, name);
      }
      case TokenKind::kString: {
        std::string text = take().text;
        while (current().kind == TokenKind::kString) text += take().text;
        return constant(Value::text(std::move(text)), line);
      }
      case TokenKind::kInteger:
        return constant(take().integer, line);
      case TokenKind::kFloat:
        return constant(take().number, line);
      default:
        break;
    }
    if (skip_operator("(")) {
      if (skip_operator(")")) return make(ExprKind::kTuple, line);
      ExprPtr expr = parse_tuple(true);
      expect_operator(")");
      return expr;
    }
    if (skip_operator("[")) {
      std::vector<ExprPtr> items;
      while (!is_operator("]")) {
        if (!items.empty()) expect_operator(",");
        if (is_operator("]")) break;
        items.push_back(parse_expression());
      }
      take();
      return make(ExprKind::kList, line, std::move(items));
    }
    if (skip_operator("{")) {
      std::vector<ExprPtr> items;
      while (!is_operator("}")) {
        if (!items.empty()) expect_operator(",");
        if (is_operator("}")) break;
        items.push_back(parse_expression());
        expect_operator(":");
        items.push_back(parse_expression());
      }
      take();
      return make(ExprKind::kDict, line, std::move(items));
    }
    fail(describe() + " where an expression is expected");
  }

  ExprPtr parse_postfix(ExprPtr expr) {
    while (true) {
      const int line = current().line;
      if (skip_operator(".")) {
        if (current().kind == TokenKind::kInteger) {
          expr = make(ExprKind::kItem, line,
                      children_of(std::move(expr), constant(take().integer, line)));
        } else {
          expr = make(ExprKind::kAttribute, line, children_of(std::move(expr)), take_name());
        }
      } else if (skip_operator("[")) {
        expr = parse_subscript(std::move(expr), line);
      } else if (is_operator("(")) {
        expr = parse_call(std::move(expr));
      } else {
        return expr;
      }
    }
  }

  ExprPtr parse_subscript(ExprPtr object, int line) {
    ExprPtr first = is_operator(":") ? nullptr : parse_expression();
    if (skip_operator("]")) {
      return make(ExprKind::kItem, line, children_of(std::move(object), std::move(first)));
    }
    expect_operator(":");
    ExprPtr last = is_operator(":") || is_operator("]") ? nullptr : parse_expression();
    ExprPtr step = skip_operator(":") && !is_operator("]") ? parse_expression() : nullptr;
    expect_operator("]");
    return make(ExprKind::kSlice, line,
                children_of(std::move(object), std::move(first), std::move(last), std::move(step)));
  }

  // Appends the arguments in parentheses to `call`.
  void parse_arguments(Expr& call) {
    expect_operator("(");
    bool first = true;
    while (!is_operator(")")) {
      if (!first) expect_operator(",");
      first = false;
      if (is_operator(")")) break;
      if (is_operator("*") || is_operator("**")) fail("unpacked arguments");
      if (current().kind == TokenKind::kName && look().kind == TokenKind::kOperator &&
          look().text == "=") {
        std::string name = take().text;
        take();
        call.keywords.emplace_back(std::move(name), parse_expression());
      } else {
        if (!call.keywords.empty()) fail("an argument after one with a name");
        call.children.push_back(parse_expression());
      }
    }
    take();
  }

  ExprPtr parse_call(ExprPtr callee) {
    ExprPtr call = make(ExprKind::kCall, current().line, children_of(std::move(callee)));
    parse_arguments(*call);
    return finish(std::move(call));
  }

  ExprPtr parse_filters_and_tests(ExprPtr expr) {
    while (true) {
      if (is_operator("|")) {
        expr = parse_filters(std::move(expr), false);
      } else if (is_name("is")) {
        expr = parse_test(std::move(expr));
      } else if (is_operator("(")) {
        expr = parse_call(std::move(expr));
      } else {
        return expr;
      }
    }
  }

  // `inline_first`: the first filter stands without its '|', as in {% filter trim %}.
  ExprPtr parse_filters(ExprPtr expr, bool inline_first) {
    while (inline_first || skip_operator("|")) {
      inline_first = false;
      const int line = current().line;
      std::string name = take_name();
      if (!is_filter(name)) fail_syntax(line, fmt::format("the filter '{}'", name.substr(0, 40)));
      expr = make(ExprKind::kFilter, line, children_of(std::move(expr)), std::move(name));
      if (is_operator("(")) parse_arguments(*expr);
      expr = finish(std::move(expr));
    }
    return expr;
  }

  ExprPtr parse_test(ExprPtr expr) {
    const int line = take().line;
    const bool negated = skip_name("not");
    std::string name = take_name();
    if (!is_test(name)) fail_syntax(line, fmt::format("the test '{}'", name.substr(0, 40)));
    ExprPtr test = make(ExprKind::kTest, line, children_of(std::move(expr)), std::move(name));
    if (is_operator("(")) {
      parse_arguments(*test);
    } else if (begins_test_argument()) {
      const Level level(*this);
      test->children.push_back(parse_postfix(parse_primary()));
    }
    test = finish(std::move(test));
    return negated ? make(ExprKind::kNot, line, children_of(std::move(test))) : std::move(test);
  }

  bool begins_test_argument() const {
    switch (current().kind) {
      case TokenKind::kName:
        if (is_name("is")) fail("a test after a test");
        // jinja2 would take `if` and `in` as names here and fail.
        return !is_name({"else", "or", "and", "if", "in", "not"});
      case TokenKind::kString:
      case TokenKind::kInteger:
      case TokenKind::kFloat:
        return true;
      default:
        return is_operator("[") || is_operator("{");
    }
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  int loops_ = 0;
};

}  // namespace

Node::Body parse(std::string_view source) {
  return Parser(tokenize(source)).run();
}

}  // namespace tandem::jinja
