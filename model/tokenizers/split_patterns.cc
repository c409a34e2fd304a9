#include "model/tokenizers/split_patterns.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/tokenizers/character_classes.h"

namespace tandem {
namespace {

constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// `\s`, `\p{L}`, `\p{N}` and the rest, which exclude each other.
enum class Kind { kSpace, kLetter, kNumber, kOther };

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end(std::size_t at) const { return at >= text_.size(); }

  char byte(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  // Kind of the character at `at` (not the end); moves `at` past it.
  Kind take(std::size_t& at) const {
    const std::uint8_t classes = classes_[next_code_point(text_, at)];
    if ((classes & kLetter) != 0) return Kind::kLetter;
    if ((classes & kNumber) != 0) return Kind::kNumber;
    if ((classes & kWhiteSpace) != 0) return Kind::kSpace;
    return Kind::kOther;
  }

  Kind peek(std::size_t at) const { return take(at); }

  // End of the run of characters of `kind` from `at`, at most `limit` of them.
  std::size_t run(std::size_t at, Kind kind, std::size_t limit = SIZE_MAX) const {
    for (std::size_t n = 0; n < limit && !at_end(at); ++n) {
      std::size_t next = at;
      if (take(next) != kind) break;
      at = next;
    }
    return at;
  }

 private:
  std::string_view text_;
  const CharacterClasses& classes_ = character_classes();
};

bool is_newline(char c) {
  return c == '\r' || c == '\n';
}

// Size of the English contraction at the start of `text`, which begins with an apostrophe, or 0.
std::size_t contraction(std::string_view text, bool any_case) {
  // U+017F, long s, is an s to a pattern that ignores case.
  if (any_case && text.size() >= 3 && text[1] == '\xC5' && text[2] == '\xBF') return 3;
  const auto letter = [&](std::size_t i) {
    if (i >= text.size()) return '\0';
    const char c = text[i];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return letter(2) == 'e' ? 3 : 0;
    case 'l':
      return letter(2) == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

// `\s+(?!\S)|\s+` on the run of white space [0, end): all of it at the end of the text, else all
// but its last character, which may belong to the next word; a single one stands alone.
std::size_t white_space(std::string_view text, std::size_t end) {
  if (end == text.size()) return end;
  std::size_t last = end - 1;
  while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
  return last == 0 ? end : last;
}

std::size_t gpt2(std::string_view text) {
  const Reader reader(text);
  if (text[0] == '\'') {
    if (const std::size_t size = contraction(text, false)) return size;
  }
  const std::size_t word = text[0] == ' ' ? 1 : 0;
  if (!reader.at_end(word)) {
    const Kind kind = reader.peek(word);
    if (kind != Kind::kSpace) return reader.run(word, kind);
  }
  return white_space(text, reader.run(0, Kind::kSpace));
}

std::size_t llama3(std::string_view text, std::size_t most_numbers) {
  const Reader reader(text);
  if (text[0] == '\'') {
    if (const std::size_t size = contraction(text, true)) return size;
  }
  std::size_t second = 0;
  const Kind first = reader.take(second);
  if (first == Kind::kLetter) return reader.run(second, Kind::kLetter);
  if (first == Kind::kNumber) return reader.run(0, Kind::kNumber, most_numbers);
  if (!is_newline(text[0]) && !reader.at_end(second) && reader.peek(second) == Kind::kLetter) {
    return reader.run(second, Kind::kLetter);
  }
  const std::size_t symbol = text[0] == ' ' ? 1 : 0;
  if (!reader.at_end(symbol) && reader.peek(symbol) == Kind::kOther) {
    std::size_t end = reader.run(symbol, Kind::kOther);
    while (is_newline(reader.byte(end))) ++end;
    return end;
  }
  const std::size_t end = reader.run(0, Kind::kSpace);
  for (std::size_t i = end; i > 0; --i) {
    if (is_newline(text[i - 1])) return i;
  }
  return white_space(text, end);
}

// Patterns of numbers alone, at most `most` at a time.
SplitMatch numbers(std::string_view text, std::size_t most) {
  const Reader reader(text);
  if (reader.peek(0) == Kind::kNumber) return {reader.run(0, Kind::kNumber, most), true};
  std::size_t at = 0;
  while (!reader.at_end(at)) {
    std::size_t next = at;
    if (reader.take(next) == Kind::kNumber) break;
    at = next;
  }
  return {at, false};
}

SplitMatch three_digits(std::string_view text) {
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
    if (digits == 3) return i == 2 ? SplitMatch{3, true} : SplitMatch{i - 2, false};
  }
  return {text.size(), false};
}

}  // namespace

std::optional<SplitPattern> known_split_pattern(std::string_view regex) {
  constexpr std::pair<std::string_view, SplitPattern> kKnown[] = {
      {kGpt2Regex, SplitPattern::kGpt2},
      {kLlama3Regex, SplitPattern::kLlama3},
      {kQwen2Regex, SplitPattern::kQwen2},
      {R"(\p{N})", SplitPattern::kNumber},
      {R"(\p{N}+)", SplitPattern::kNumbers},
      {R"(\p{N}{1,3})", SplitPattern::kThreeNumbers},
      {R"([0-9][0-9][0-9])", SplitPattern::kThreeDigits},
  };
  for (const auto& [written, pattern] : kKnown) {
    if (written == regex) return pattern;
  }
  return std::nullopt;
}

SplitMatch next_split(SplitPattern pattern, std::string_view text) {
  TANDEM_CHECK(!text.empty());
  switch (pattern) {
    case SplitPattern::kGpt2:
      return {gpt2(text), true};
    case SplitPattern::kLlama3:
      return {llama3(text, 3), true};
    case SplitPattern::kQwen2:
      return {llama3(text, 1), true};
    case SplitPattern::kNumber:
      return numbers(text, 1);
    case SplitPattern::kNumbers:
      return numbers(text, SIZE_MAX);
    case SplitPattern::kThreeNumbers:
      return numbers(text, 3);
    case SplitPattern::kThreeDigits:
      return three_digits(text);
  }
  TANDEM_CHECK(false);
}

}  // namespace tandem
