#include "generator/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "generator/jinja/text.h"

namespace tandem::jinja {
namespace {

// Longest first, so that the first match is the right one.
constexpr std::array<std::string_view, 25> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};

bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name(char c) {
  return is_name_start(c) || is_digit(c);
}

// "\r\n" and "\r" become "\n", and one newline at the very end is dropped, as jinja2 does.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_data();
    add(TokenKind::kEnd);
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool at(std::string_view text) const { return rest().starts_with(text); }

  void advance(std::size_t count) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + count),
                                         '\n'));
    at_ += count;
  }

  Token& add(TokenKind kind, std::string text = {}) {
    tokens_.push_back({.kind = kind, .text = std::move(text), .line = line_});
    return tokens_.back();
  }

  void skip_space() {
    const auto [begin, unused] = stripped_range(rest(), true, false);
    advance(begin);
  }

  // Text up to the next tag, and the tag with its content.
  void read_data() {
    std::size_t begin = at_;
    while (true) {
      begin = source_.find('{', begin);
      if (begin == std::string::npos || begin + 1 == source_.size()) {
        begin = source_.size();
        break;
      }
      const char next = source_[begin + 1];
      if (next == '{' || next == '%' || next == '#') break;
      ++begin;
    }
    std::string_view text = std::string_view(source_).substr(at_, begin - at_);
    const char tag = begin < source_.size() ? source_[begin + 1] : '\0';
    const char sign = begin + 2 < source_.size() ? source_[begin + 2] : '\0';
    if (tag != '\0') text = strip_before_tag(text, tag, sign);
    if (!text.empty()) add(TokenKind::kData, std::string(text));
    advance(begin - at_);
    if (tag == '\0') return;
    advance(sign == '-' || sign == '+' ? 3 : 2);
    at_line_start_ = false;
    if (tag == '#') {
      read_comment();
    } else if (tag == '{') {
      add(TokenKind::kVariableBegin);
      read_tag(TokenKind::kVariableEnd, "}}");
    } else if (!read_raw()) {
      add(TokenKind::kBlockBegin);
      read_tag(TokenKind::kBlockEnd, "%}");
    }
  }

  std::string_view strip_before_tag(std::string_view text, char tag, char sign) const {
    if (sign == '-') return text.substr(0, stripped_range(text, false, true).second);
    if (sign == '+' || tag == '{') return text;
    const std::size_t newline = text.rfind('\n');
    const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
    if (line_begin == 0 && !at_line_start_) return text;
    const std::string_view line = text.substr(line_begin);
    const auto [first, last] = stripped_range(line, true, false);
    return first == last ? text.substr(0, line_begin) : text;
  }

  // Reads the end of a tag if it is here: a sign, `mark` and the white space that goes with it.
  bool read_tag_end(std::string_view mark, bool trims_newline) {
    const std::size_t begin = at_;
    if (rest().substr(0, 1) == "-" && rest().substr(1).starts_with(mark)) {
      advance(1 + mark.size());
      skip_space();
    } else if (trims_newline && rest().substr(0, 1) == "+" && rest().substr(1).starts_with(mark)) {
      advance(1 + mark.size());
    } else if (at(mark)) {
      advance(mark.size());
      if (trims_newline && at("\n")) advance(1);
    } else {
      return false;
    }
    at_line_start_ = at_ > begin && source_[at_ - 1] == '\n';
    return true;
  }

  void read_comment() {
    const int line = line_;
    while (at_ < source_.size()) {
      if (read_tag_end("#}", true)) return;
      advance(1);
    }
    fail_syntax(line, "a comment that does not end");
  }

  // {% raw %}...{% endraw %}; false if this block is another one.
  bool read_raw() {
    const std::size_t begin = at_;
    const int line = line_;
    skip_space();
    const bool is_raw = at("raw") && (advance(3), true);
    skip_space();
    if (!is_raw || !(at("%}") || at("-%}"))) {
      at_ = begin;
      line_ = line;
      return false;
    }
    read_tag_end("%}", false);
    const std::size_t content = at_;
    const int content_line = line_;
    while (at_ < source_.size()) {
      const std::size_t tag = source_.find("{%", at_);
      if (tag == std::string::npos) break;
      advance(tag - at_);
      std::string_view text = std::string_view(source_).substr(content, at_ - content);
      advance(2);
      const char sign = at_ < source_.size() ? source_[at_] : '\0';
      if (sign == '-' || sign == '+') advance(1);
      skip_space();
      if (!at("endraw")) continue;
      advance(6);
      skip_space();
      if (!read_tag_end("%}", true)) continue;
      text = strip_before_tag(text, '%', sign);
      if (!text.empty()) add(TokenKind::kData, std::string(text)).line = content_line;
      return true;
    }
    fail_syntax(line, "a raw block that does not end");
  }

  // Tokens up to the end of the tag. An end inside brackets is not one: {{ {'a': {}} }}.
  void read_tag(TokenKind end, std::string_view mark) {
    const int line = line_;
    std::string open;
    while (at_ < source_.size()) {
      const int end_line = line_;
      if (open.empty() && read_tag_end(mark, end == TokenKind::kBlockEnd)) {
        add(end).line = end_line;
        return;
      }
      const char c = source_[at_];
      if (const auto [space, unused] = stripped_range(rest(), true, false); space > 0) {
        advance(space);
      } else if (is_name_start(c)) {
        read_name();
      } else if (is_digit(c)) {
        read_number();
      } else if (c == '\'' || c == '"') {
        read_string(c);
      } else {
        read_operator(open);
      }
    }
    fail_syntax(line, "a tag that does not end");
  }

  void read_name() {
    std::size_t end = at_;
    while (end < source_.size() && is_name(source_[end])) ++end;
    add(TokenKind::kName, source_.substr(at_, end - at_));
    advance(end - at_);
  }

  std::size_t digits_end(std::size_t from) const {
    while (from < source_.size() && (is_digit(source_[from]) || source_[from] == '_')) ++from;
    return from;
  }
  bool digit_at(std::size_t position) const {
    return position < source_.size() && is_digit(source_[position]);
  }

  void read_number() {
    std::size_t end = digits_end(at_);
    bool is_float = false;
    // "messages.0.content" has no fractions.
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!after_dot && end < source_.size() && source_[end] == '.' && digit_at(end + 1)) {
      is_float = true;
      end = digits_end(end + 1);
    }
    if (!after_dot && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      std::size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) {
        ++exponent;
      }
      if (digit_at(exponent)) {
        is_float = true;
        end = digits_end(exponent);
      }
    }
    std::string digits = source_.substr(at_, end - at_);
    std::erase(digits, '_');
    Token& token = add(is_float ? TokenKind::kFloat : TokenKind::kInteger, digits);
    const char* last = digits.data() + digits.size();
    const auto result = is_float ? std::from_chars(digits.data(), last, token.number)
                                 : std::from_chars(digits.data(), last, token.integer);
    if (result.ec != std::errc() || result.ptr != last) {
      fail_syntax(line_, fmt::format("the number {}", digits.substr(0, 40)));
    }
    advance(end - at_);
  }

  void read_string(char quote) {
    const int line = line_;
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_syntax(line, "a string that does not end");
    add(TokenKind::kString, unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    advance(end + 1 - at_);
  }

  // The escapes of Python; one that is unknown stays as it is.
  std::string unescape(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 == text.size()) {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      constexpr std::string_view kLetters = "abfnrtv\\'\"";
      constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
      const std::size_t known = kLetters.find(c);
      if (known != std::string_view::npos) {
        out += kMeanings[known];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t size = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        append_utf8(read_code(text.substr(i + 1, size), size, 16), out);
        i += size;
      } else if (c >= '0' && c <= '7') {
        std::size_t size = 1;
        while (size < 3 && i + size < text.size() && text[i + size] >= '0' &&
               text[i + size] <= '7') {
          ++size;
        }
        append_utf8(read_code(text.substr(i, size), size, 8), out);
        i += size - 1;
      } else if (c == 'N') {
        fail_syntax(line_, "a character by its name in a string");
      } else if (c != '\n') {
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  char32_t read_code(std::string_view digits, std::size_t size, int base) const {
    std::uint32_t code = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
    if (digits.size() < size || result.ptr != digits.data() + size) {
      fail_syntax(line_, "an escape in a string that is cut short");
    }
    return code;
  }

  void read_operator(std::string& open) {
    const auto found =
        std::ranges::find_if(kOperators, [&](std::string_view text) { return at(text); });
    if (found == kOperators.end()) {
      fail_syntax(line_,
                  fmt::format("the character '{}'",
                              repair_utf8(rest().substr(0, decode_utf8(rest()).size_bytes))));
    }
    const char c = found->front();
    if (c == '(' || c == '[' || c == '{') {
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        fail_syntax(line_, fmt::format("an unexpected '{}'", c));
      open.pop_back();
    }
    add(TokenKind::kOperator, std::string(*found));
    advance(found->size());
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  // Whether nothing stands before `at_` on its line, or only a tag whose end took the newline.
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

void fail_syntax(int line, std::string_view what) {
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("cannot understand the model's chat template: line {} has {}", line, what),
      "use a model with a simpler template");
}

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(normalize_newlines(source)).run();
}

}  // namespace tandem::jinja
