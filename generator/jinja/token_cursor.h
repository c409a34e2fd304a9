// Walks over the tokens of a template.
#ifndef TANDEM_GENERATOR_JINJA_TOKEN_CURSOR_H_
#define TANDEM_GENERATOR_JINJA_TOKEN_CURSOR_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "generator/jinja/lexer.h"

namespace tandem::jinja {

// All that fails throws kUnsupported naming the line. Used by one thread at a time.
class TokenCursor {
 public:
  // Counts nesting for the time of a call, and fails when it is too deep.
  class Level {
   public:
    explicit Level(TokenCursor& cursor);
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --cursor_.nesting_; }

   private:
    TokenCursor& cursor_;
  };

  // `tokens` ends with a kEnd token, as tokenize() gives it.
  explicit TokenCursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  // The one after it.
  const Token& look() const;
  // Gives the current token and goes on; stays at the end.
  Token take();

  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_operator(std::string_view text) const;
  bool is_operator(std::initializer_list<std::string_view> texts) const;
  bool is_name(std::string_view text) const;
  bool is_name(std::initializer_list<std::string_view> texts) const;

  bool skip_operator(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_operator(std::string_view text);
  void expect_name(std::string_view text);
  void expect_block_end();
  std::string take_name();

  // The current token, for a message.
  std::string describe() const;
  [[noreturn]] void fail(std::string_view what) const { fail_syntax(current().line, what); }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_TOKEN_CURSOR_H_
