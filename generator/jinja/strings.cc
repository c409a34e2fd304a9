#include "generator/jinja/strings.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "base/utf8.h"

namespace tandem::jinja {
namespace {

icu::UnicodeString to_icu(std::string_view text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

std::string from_icu(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

// Where the character at `at` ends.
std::size_t character_end(std::string_view text, std::size_t at) {
  return at + decode_utf8(text.substr(at)).size_bytes;
}

// "\r\n", and what Python's str.splitlines() takes for a line break; 0 if `text` begins with none.
std::size_t line_break_size(std::string_view text) {
  if (text.starts_with("\r\n")) return 2;
  const Utf8Char c = decode_utf8(text);
  const char32_t code = c.code_point;
  const bool breaks = (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) ||
                      code == 0x85 || code == 0x2028 || code == 0x2029;
  return breaks ? c.size_bytes : 0;
}

std::vector<Text> split_at_space(const Text& text, std::int64_t limit, bool from_right) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> parts;
  auto [begin, end] = stripped_range(bytes, true, true);
  // str.split strips only the side it starts from when the limit is reached.
  while (begin < end) {
    if (limit >= 0 && std::ssize(parts) == limit) {
      const auto [first, last] = stripped_range(bytes, !from_right, from_right);
      parts.push_back(from_right ? text.slice(first, end) : text.slice(begin, last));
      break;
    }
    if (from_right) {
      std::size_t at = end;
      while (at > begin) {
        const std::size_t previous = begin + last_character(bytes.substr(begin, at - begin));
        if (is_space(decode_utf8(bytes.substr(previous)).code_point)) break;
        at = previous;
      }
      parts.push_back(text.slice(at, end));
      end = begin + stripped_range(bytes.substr(begin, at - begin), false, true).second;
    } else {
      std::size_t at = begin;
      while (at < end && !is_space(decode_utf8(bytes.substr(at)).code_point)) {
        at = character_end(bytes, at);
      }
      parts.push_back(text.slice(begin, at));
      begin = at + stripped_range(bytes.substr(at, end - at), true, false).first;
    }
  }
  if (from_right) std::ranges::reverse(parts);
  return parts;
}

}  // namespace

Text upper_case(const Text& text) {
  return text.map_runs(
      [](std::string_view run) { return from_icu(to_icu(run).toUpper(icu::Locale::getRoot())); });
}

Text lower_case(const Text& text) {
  return text.map_runs(
      [](std::string_view run) { return from_icu(to_icu(run).toLower(icu::Locale::getRoot())); });
}

Text capitalized(const Text& text) {
  if (text.empty()) return text;
  const std::size_t first = character_end(text.bytes(), 0);
  // Python gives the first letter its title case, which differs from upper case for digraphs.
  Text out = text.slice(0, first).map_runs([](std::string_view run) {
    return from_icu(to_icu(run).toTitle(nullptr, icu::Locale::getRoot()));
  });
  out.append(lower_case(text.slice(first, text.size())));
  return out;
}

Text title_case(const Text& text) {
  // Words end at white space and opening brackets, and at hyphens.
  const auto separates = [](char32_t c) {
    return is_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
  };
  const std::string_view bytes = text.bytes();
  Text out;
  const auto append_word = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    const std::size_t first = character_end(bytes, begin);
    out.append(upper_case(text.slice(begin, first)));
    out.append(lower_case(text.slice(first, end)));
  };
  std::size_t word = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = character_end(bytes, at);
    if (separates(decode_utf8(bytes.substr(at)).code_point)) {
      append_word(word, at);
      out.append(text.slice(at, end));
      word = end;
    }
    at = end;
  }
  append_word(word, bytes.size());
  return out;
}

Text stripped(const Text& text, const Text* characters, bool left, bool right) {
  const auto [begin, end] = characters != nullptr
                                ? stripped_range(text.bytes(), characters->bytes(), left, right)
                                : stripped_range(text.bytes(), left, right);
  return text.slice(begin, end);
}

std::vector<Text> split(const Text& text, const Text* separator, std::int64_t limit,
                        bool from_right, Budget& budget) {
  if (separator == nullptr) {
    budget.charge(text.size() * 32);  // every other byte may be a word
    return split_at_space(text, limit, from_right);
  }
  if (separator->empty()) budget.fail("empty separator");
  budget.charge(text.size() * 2);
  std::vector<std::size_t> positions;
  if (from_right) {
    std::size_t end = text.size();
    while (limit < 0 || std::ssize(positions) < limit) {
      if (end < separator->size()) break;
      budget.charge(64);
      const std::size_t at = text.bytes().rfind(separator->bytes(), end - separator->size());
      if (at == std::string::npos) break;
      positions.push_back(at);
      end = at;
    }
    std::ranges::reverse(positions);
  } else {
    std::size_t begin = 0;
    while (limit < 0 || std::ssize(positions) < limit) {
      const std::size_t at = find_bytes(text.bytes(), separator->bytes(), begin);
      if (at == std::string::npos) break;
      budget.charge(64);
      positions.push_back(at);
      begin = at + separator->size();
    }
  }
  std::vector<Text> parts;
  std::size_t begin = 0;
  for (const std::size_t at : positions) {
    budget.charge(text.runs().size());
    parts.push_back(text.slice(begin, at));
    begin = at + separator->size();
  }
  parts.push_back(text.slice(begin, text.size()));
  return parts;
}

std::vector<Text> split_lines(const Text& text, Budget& budget) {
  budget.charge(text.size() * 2);
  const std::string_view bytes = text.bytes();
  std::vector<Text> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = line_break_size(bytes.substr(at));
    if (size == 0) {
      at = character_end(bytes, at);
      continue;
    }
    budget.charge(64 + text.runs().size());
    lines.push_back(text.slice(begin, at));
    at += size;
    begin = at;
  }
  if (begin < bytes.size()) lines.push_back(text.slice(begin, bytes.size()));
  return lines;
}

Text replace(const Text& text, const Text& old, const Text& replacement, std::int64_t limit,
             Budget& budget) {
  if (old.empty()) budget.unsupported("a replacement of the empty string");
  budget.charge(text.size() + old.size());
  Text out;
  std::size_t begin = 0;
  for (std::int64_t count = 0; limit < 0 || count < limit; ++count) {
    const std::size_t at = find_bytes(text.bytes(), old.bytes(), begin);
    if (at == std::string::npos) break;
    budget.charge(64 + replacement.size() + text.runs().size());
    out.append(text.slice(begin, at));
    out.append(replacement);
    begin = at + old.size();
  }
  out.append(text.slice(begin, text.size()));
  return out;
}

Text join(const Text& separator, const std::vector<Value>& items, Budget& budget) {
  Text out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    budget.charge(separator.size() + 16);
    if (i > 0) out.append(separator);
    out.append(to_text(items[i], budget));
  }
  return out;
}

}  // namespace tandem::jinja
