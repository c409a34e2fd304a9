// Tokens of the Jinja template language, cut as jinja2 cuts them with trim_blocks and
// lstrip_blocks: a newline after a block or comment is dropped, and so is white space before one on
// its line.
#ifndef TANDEM_GENERATOR_JINJA_LEXER_H_
#define TANDEM_GENERATOR_JINJA_LEXER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::jinja {

enum class TokenKind {
  kData,           // text between tags
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // strings without quotes and escapes
  std::int64_t integer = 0;
  double number = 0;
  int line = 1;
};

// Ends with a kEnd token. Throws kUnsupported naming the line for what cannot be read.
std::vector<Token> tokenize(std::string_view source);

// Throws the Error for a template that cannot be understood.
[[noreturn]] void fail_syntax(int line, std::string_view what);

}  // namespace tandem::jinja

#endif  // TANDEM_GENERATOR_JINJA_LEXER_H_
