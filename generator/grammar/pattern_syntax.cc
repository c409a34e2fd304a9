#include "generator/grammar/pattern_syntax.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem::grammar {
namespace {

constexpr int kMaxDepth = 100;
constexpr std::uint32_t kMaxRepeats = 10'000;
constexpr char32_t kNone = 0xFFFFFFFF;  // the end of the pattern

PatternNode set_node(CharacterSet set) {
  return {.kind = PatternKind::kSet, .set = std::move(set)};
}

PatternNode any_text_node() {
  PatternNode node{.kind = PatternKind::kRepeat};
  node.children.push_back(set_node(complement({})));
  return node;
}

const CharacterSet kDigits = {{'0', '9'}};
const CharacterSet kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharacterSet kSpace = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                             {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                             {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CharacterSet kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {
    for (std::string_view rest = pattern; !rest.empty();) {
      const Utf8Char c = decode_utf8(rest);
      characters_.push_back(c.code_point);
      rest.remove_prefix(c.size_bytes);
    }
  }

  PatternNode run() {
    PatternNode node = parse_choice(0);
    if (peek() != kNone) fail("an unmatched ')'");
    return node;
  }

 private:
  char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < characters_.size() ? characters_[at_ + ahead] : kNone;
  }
  char32_t take() {
    const char32_t c = peek();
    if (c == kNone) fail("an end in the middle");
    ++at_;
    return c;
  }
  bool skip(char32_t c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("the pattern '{}' has {} at character {}", pattern_.substr(0, 200), what, at_),
        "use literals, classes, groups, alternatives, repetitions and outer anchors");
  }

  PatternNode parse_choice(int depth) {
    if (depth > kMaxDepth) fail("too many groups inside each other");
    PatternNode choice{.kind = PatternKind::kChoice};
    do {
      choice.children.push_back(parse_sequence(depth));
    } while (skip('|'));
    return choice;
  }

  PatternNode parse_sequence(int depth) {
    PatternNode sequence{.kind = PatternKind::kSequence};
    const bool outermost = depth == 0;
    if (outermost && !skip('^')) sequence.children.push_back(any_text_node());
    bool anchored = false;
    while (peek() != kNone && peek() != '|' && peek() != ')') {
      if (peek() == '^') fail("an anchor '^' inside");
      if (peek() == '$') {
        if (!outermost || (peek(1) != kNone && peek(1) != '|')) fail("an anchor '$' inside");
        ++at_;
        anchored = true;
        break;
      }
      sequence.children.push_back(parse_repeated(depth));
    }
    if (outermost && !anchored) sequence.children.push_back(any_text_node());
    return sequence;
  }

  PatternNode parse_repeated(int depth) {
    PatternNode node = parse_atom(depth);
    std::uint32_t min = 0;
    std::uint32_t max = kUnlimited;
    if (skip('*')) {
    } else if (skip('+')) {
      min = 1;
    } else if (skip('?')) {
      max = 1;
    } else if (peek() == '{') {
      ++at_;
      min = max = parse_number();
      if (skip(',')) max = peek() == '}' ? kUnlimited : parse_number();
      if (!skip('}')) fail("an unclosed '{'");
      if (min > max) fail("a repetition whose minimum is above its maximum");
    } else {
      return node;
    }
    skip('?');  // lazy: another match, but the same texts
    if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{') fail("two repetitions");
    PatternNode repeat{.kind = PatternKind::kRepeat, .min = min, .max = max};
    repeat.children.push_back(std::move(node));
    return repeat;
  }

  std::uint32_t parse_number() {
    if (peek() < '0' || peek() > '9') fail("a repetition without a number");
    std::uint32_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + (take() - '0');
      if (value > kMaxRepeats) fail(fmt::format("a repetition of more than {}", kMaxRepeats));
    }
    return value;
  }

  PatternNode parse_atom(int depth) {
    const char32_t c = take();
    switch (c) {
      case '.':
        return set_node(complement(kLineEnds));
      case '[':
        return set_node(parse_class());
      case '(': {
        if (skip('?')) parse_group_kind();
        PatternNode group = parse_choice(depth + 1);
        if (!skip(')')) fail("an unclosed '('");
        return group;
      }
      case '\\':
        if (const auto set = parse_class_escape()) return set_node(*set);
        {
          const char32_t escaped = parse_escape();
          return set_node({{escaped, escaped}});
        }
      case '*':
      case '+':
      case '?':
      case '{':
        --at_;
        fail("a repetition of nothing");
      default:
        return set_node(normalise({{c, c}}));
    }
  }

  // After "(?".
  void parse_group_kind() {
    if (skip(':')) return;
    if (peek() == '<' && peek(1) != '=' && peek(1) != '!') {
      while (take() != '>') {
      }
      return;
    }
    fail("a look-around or an option '(?'");
  }

  // After a backslash: the set of \d and its like.
  std::optional<CharacterSet> parse_class_escape() {
    switch (peek()) {
      case 'd':
        return ++at_, kDigits;
      case 'D':
        return ++at_, complement(kDigits);
      case 'w':
        return ++at_, kWord;
      case 'W':
        return ++at_, complement(kWord);
      case 's':
        return ++at_, kSpace;
      case 'S':
        return ++at_, complement(kSpace);
      default:
        return std::nullopt;
    }
  }

  // After a backslash: the one character that is meant.
  char32_t parse_escape() {
    const char32_t c = take();
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'f':
        return '\f';
      case 'v':
        return '\v';
      case '0':
        return '\0';
      case 'x':
        return parse_hex(2);
      case 'u': {
        const char32_t unit = parse_hex(4);
        if (unit >= 0xD800 && unit <= 0xDFFF) fail("half of a surrogate pair");
        return unit;
      }
      default:
        break;
    }
    const bool letter_or_digit =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (letter_or_digit) fail(fmt::format("the escape '\\{}'", static_cast<char>(c)));
    return c;
  }

  char32_t parse_hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char32_t c = take();
      const char32_t lower = c | 0x20;
      if (c >= '0' && c <= '9') {
        value = value * 16 + (c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + (lower - 'a' + 10);
      } else {
        fail("an escape without its hexadecimal digits");
      }
    }
    return value;
  }

  // After '['.
  CharacterSet parse_class() {
    const bool negated = skip('^');
    CharacterSet set;
    while (!skip(']')) {
      CharacterSet item = parse_class_item();
      if (peek() == '-' && peek(1) != ']' && peek(1) != kNone) {
        ++at_;
        const CharacterSet end = parse_class_item();
        const bool single = item.size() == 1 && end.size() == 1 && item[0].first == item[0].last &&
                            end[0].first == end[0].last;
        if (!single || item[0].first > end[0].first) fail("a range that is none");
        item[0].last = end[0].last;
      }
      set.insert(set.end(), item.begin(), item.end());
    }
    set = normalise(std::move(set));
    return negated ? complement(set) : set;
  }

  CharacterSet parse_class_item() {
    const char32_t c = take();
    if (c != '\\') return {{c, c}};
    if (skip('b')) return {{'\b', '\b'}};
    if (auto set = parse_class_escape()) return *set;
    const char32_t escaped = parse_escape();
    return {{escaped, escaped}};
  }

  std::string_view pattern_;
  std::vector<char32_t> characters_;
  std::size_t at_ = 0;
};

}  // namespace

PatternNode parse_pattern_syntax(std::string_view pattern) {
  return Parser(pattern).run();
}

}  // namespace tandem::grammar
