#include "generator/jinja/token_cursor.h"

#include <fmt/format.h>

#include <algorithm>

namespace tandem::jinja {
namespace {

// Templates in use stay below 20.
constexpr int kMaxNesting = 50;

}  // namespace

TokenCursor::Level::Level(TokenCursor& cursor) : cursor_(cursor) {
  if (cursor_.nesting_ == kMaxNesting) cursor_.fail("expressions or blocks nested too deeply");
  ++cursor_.nesting_;
}

const Token& TokenCursor::look() const {
  return tokens_[std::min(at_ + 1, tokens_.size() - 1)];
}

Token TokenCursor::take() {
  Token token = current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenCursor::is_operator(std::string_view text) const {
  return is(TokenKind::kOperator) && current().text == text;
}

bool TokenCursor::is_operator(std::initializer_list<std::string_view> texts) const {
  return std::ranges::any_of(texts, [&](std::string_view text) { return is_operator(text); });
}

bool TokenCursor::is_name(std::string_view text) const {
  return is(TokenKind::kName) && current().text == text;
}

bool TokenCursor::is_name(std::initializer_list<std::string_view> texts) const {
  return std::ranges::any_of(texts, [&](std::string_view text) { return is_name(text); });
}

bool TokenCursor::skip_operator(std::string_view text) {
  if (!is_operator(text)) return false;
  take();
  return true;
}

bool TokenCursor::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  take();
  return true;
}

void TokenCursor::expect_operator(std::string_view text) {
  if (!skip_operator(text)) fail(fmt::format("{} where '{}' is expected", describe(), text));
}

void TokenCursor::expect_name(std::string_view text) {
  if (!skip_name(text)) fail(fmt::format("{} where '{}' is expected", describe(), text));
}

void TokenCursor::expect_block_end() {
  if (!is(TokenKind::kBlockEnd)) fail(describe() + " where a block should end");
  take();
}

std::string TokenCursor::take_name() {
  if (!is(TokenKind::kName)) fail(describe() + " where a name is expected");
  return take().text;
}

std::string TokenCursor::describe() const {
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

}  // namespace tandem::jinja
