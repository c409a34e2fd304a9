#include "generator/jinja/parser.h"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

#include "generator/jinja/expression_parser.h"
#include "generator/jinja/lexer.h"
#include "generator/jinja/token_cursor.h"

namespace tandem::jinja {
namespace {

using NodePtr = std::unique_ptr<Node>;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : cursor_(std::move(tokens)) {}

  Node::Body run() {
    Node::Body body = parse_body({});
    if (cursor_.current().kind != TokenKind::kEnd)
      cursor_.fail(fmt::format("an unexpected '{}'", cursor_.current().text));
    return body;
  }

 private:
  static NodePtr make_node(NodeKind kind, int line) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->line = line;
    return node;
  }

  // Up to a block that begins with one of `ends`, which is left to the caller, or to the end of the
  // template if there are none.
  Node::Body parse_body(std::initializer_list<std::string_view> ends) {
    const TokenCursor::Level level(cursor_);
    Node::Body body;
    while (true) {
      const int line = cursor_.current().line;
      switch (cursor_.current().kind) {
        case TokenKind::kData:
          body.push_back(make_node(NodeKind::kData, line));
          body.back()->text = cursor_.take().text;
          break;
        case TokenKind::kVariableBegin:
          cursor_.take();
          body.push_back(make_node(NodeKind::kOutput, line));
          body.back()->expr = parse_tuple(cursor_, true);
          if (cursor_.current().kind != TokenKind::kVariableEnd) {
            cursor_.fail(cursor_.describe() + " where an expression should end");
          }
          cursor_.take();
          break;
        case TokenKind::kBlockBegin:
          cursor_.take();
          if (cursor_.is_name(ends)) return body;
          if (NodePtr node = parse_statement()) body.push_back(std::move(node));
          break;
        default:
          if (ends.size() > 0) cursor_.fail(fmt::format("no '{}'", *(ends.end() - 1)));
          return body;
      }
    }
  }

  // One that ends with `end`, which is taken.
  Node::Body parse_body_until(std::string_view end) {
    Node::Body body = parse_body({end});
    cursor_.take();
    cursor_.expect_block_end();
    return body;
  }

  NodePtr parse_statement() {
    const int line = cursor_.current().line;
    const std::string keyword = cursor_.take_name();
    if (keyword == "for") return parse_for(line);
    if (keyword == "if") return parse_if(line);
    if (keyword == "set") return parse_set(line);
    if (keyword == "macro") return parse_macro(line);
    if (keyword == "filter") {
      NodePtr node = make_node(NodeKind::kFilter, line);
      node->filters = parse_filters(cursor_, true);
      cursor_.expect_block_end();
      node->body = parse_body_until("endfilter");
      return node;
    }
    // Marks what the assistant says, for training on it alone; it changes nothing of the text.
    if (keyword == "generation") {
      NodePtr node = make_node(NodeKind::kScope, line);
      cursor_.expect_block_end();
      node->body = parse_body_until("endgeneration");
      return node;
    }
    if (keyword == "break" || keyword == "continue") {
      if (loops_ == 0) fail_syntax(line, fmt::format("'{}' outside of a loop", keyword));
      cursor_.expect_block_end();
      return make_node(keyword == "break" ? NodeKind::kBreak : NodeKind::kContinue, line);
    }
    fail_syntax(line, fmt::format("the block '{}'", keyword.substr(0, 40)));
  }

  NodePtr parse_for(int line) {
    NodePtr node = make_node(NodeKind::kFor, line);
    node->target = parse_target(false);
    cursor_.expect_name("in");
    node->expr = parse_tuple(cursor_, false);
    if (cursor_.skip_name("if")) node->test = parse_expression(cursor_);
    if (cursor_.is_name("recursive")) cursor_.fail("a recursive loop");
    cursor_.expect_block_end();
    ++loops_;
    node->body = parse_body({"else", "endfor"});
    --loops_;
    const bool has_else = cursor_.take().text == "else";
    cursor_.expect_block_end();
    if (has_else) node->else_body = parse_body_until("endfor");
    return node;
  }

  NodePtr parse_if(int line) {
    NodePtr node = make_node(NodeKind::kIf, line);
    while (true) {
      std::unique_ptr<Expr> test = parse_tuple(cursor_, false);
      cursor_.expect_block_end();
      Node::Body body = parse_body({"elif", "else", "endif"});
      node->branches.push_back({std::move(test), std::move(body)});
      const std::string keyword = cursor_.take().text;
      if (keyword == "elif") continue;
      cursor_.expect_block_end();
      if (keyword == "else") node->else_body = parse_body_until("endif");
      return node;
    }
  }

  NodePtr parse_set(int line) {
    NodePtr node = make_node(NodeKind::kSet, line);
    node->target = parse_target(true);
    if (cursor_.skip_operator("=")) {
      node->expr = parse_tuple(cursor_, true);
      cursor_.expect_block_end();
      return node;
    }
    node->kind = NodeKind::kSetBlock;
    if (cursor_.is_operator("|")) node->filters = parse_filters(cursor_, false);
    cursor_.expect_block_end();
    node->body = parse_body_until("endset");
    return node;
  }

  NodePtr parse_macro(int line) {
    NodePtr node = make_node(NodeKind::kMacro, line);
    node->name = cursor_.take_name();
    cursor_.expect_operator("(");
    while (!cursor_.is_operator(")")) {
      if (!node->parameters.empty()) cursor_.expect_operator(",");
      if (cursor_.is_operator(")")) break;
      Node::Parameter parameter;
      parameter.name = cursor_.take_name();
      if (cursor_.skip_operator("=")) parameter.default_value = parse_expression(cursor_);
      node->parameters.push_back(std::move(parameter));
    }
    cursor_.expect_operator(")");
    cursor_.expect_block_end();
    // A macro in a loop cannot leave the loop.
    const int loops = std::exchange(loops_, 0);
    node->body = parse_body_until("endmacro");
    loops_ = loops;
    return node;
  }

  Target parse_target(bool allow_attribute) {
    Target target;
    const bool parenthesised = cursor_.skip_operator("(");
    target.names.push_back(take_assignable());
    if (allow_attribute && !parenthesised && cursor_.skip_operator(".")) {
      target.attribute = cursor_.take_name();
      return target;
    }
    while (cursor_.skip_operator(",")) {
      target.unpacks = true;
      if (cursor_.current().kind != TokenKind::kName || cursor_.is_name("in")) break;
      target.names.push_back(take_assignable());
    }
    if (parenthesised) cursor_.expect_operator(")");
    return target;
  }

  std::string take_assignable() {
    if (cursor_.is_name({"true", "false", "none", "True", "False", "None"})) {
      cursor_.fail(fmt::format("an assignment to '{}'", cursor_.current().text));
    }
    return cursor_.take_name();
  }

  TokenCursor cursor_;
  int loops_ = 0;
};

}  // namespace

Node::Body parse(std::string_view source) {
  return Parser(tokenize(source)).run();
}

}  // namespace tandem::jinja
