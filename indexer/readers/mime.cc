#include "indexer/readers/mime.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "base/utf8.h"
#include "indexer/readers/decode.h"

namespace tandem {
namespace {

constexpr std::size_t kMostFields = 1000;
constexpr std::size_t kLongestField = 64u << 10;  // bytes; what follows is left out
constexpr std::size_t kMostParts = 1000;

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// Takes the first line off `rest`, with its end.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::size_t size = end == std::string_view::npos ? rest.size() : end + 1;
  const std::string_view line = rest.substr(0, size);
  rest.remove_prefix(size);
  return line;
}

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

// The byte that two hexadecimal digits at `at` say.
std::optional<char> hex_byte(std::string_view text, std::size_t at) {
  if (at + 2 > text.size()) return std::nullopt;
  const auto high = hex_digit(text[at]);
  const auto low = hex_digit(text[at + 1]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high * 16 + *low);
}

std::optional<unsigned> base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0') + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

std::string decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = base64_digit(c);
    if (!digit) continue;
    bits = (bits << 6 | *digit) & 0xFFFFu;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xFFu));
    }
  }
  return out;
}

std::string decode_quoted_printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view raw = take_line(text);
    std::string_view line = without_end(raw);
    const bool has_end = line.size() < raw.size();
    // Space at the end of a line was added on the way.
    line = line.substr(0, line.find_last_not_of(" \t") + 1);
    const bool is_soft = line.ends_with('=');
    if (is_soft) line.remove_suffix(1);
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto byte = line[i] == '=' ? hex_byte(line, i + 1) : std::nullopt;
      out.push_back(byte.value_or(line[i]));
      if (byte) i += 2;
    }
    if (!is_soft && has_end) out.push_back('\n');
  }
  return out;
}

// The words of "=?charset?q?words?=" at the start of `text`, with its size.
std::optional<std::pair<std::string, std::size_t>> decode_word(std::string_view text) {
  constexpr std::size_t kLongest = 1024;  // RFC 2047 allows 75
  const std::string_view head = text.substr(0, kLongest);
  const std::size_t charset_end = head.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= head.size()) return std::nullopt;
  const char encoding = static_cast<char>(head[charset_end + 1] | 0x20);
  if (head[charset_end + 2] != '?') return std::nullopt;
  const std::size_t begin = charset_end + 3;
  const std::size_t end = head.find("?=", begin);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view words = head.substr(begin, end - begin);
  std::string bytes;
  if (encoding == 'b') {
    bytes = decode_base64(words);
  } else if (encoding == 'q') {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto byte = words[i] == '=' ? hex_byte(words, i + 1) : std::nullopt;
      bytes.push_back(byte.value_or(words[i] == '_' ? ' ' : words[i]));
      if (byte) i += 2;
    }
  } else {
    return std::nullopt;
  }
  const std::string_view charset = head.substr(2, charset_end - 2);
  // RFC 2231 adds a language: "utf-8*en".
  return std::pair(decode_text(bytes, charset.substr(0, charset.find('*'))), end + 2);
}

// "utf-8''caf%C3%A9.txt" of RFC 2231.
std::string decode_extended(std::string_view value) {
  const std::size_t first = value.find('\'');
  const std::size_t second = first == std::string_view::npos ? first : value.find('\'', first + 1);
  if (second == std::string_view::npos) return std::string(value);
  std::string bytes;
  for (std::size_t i = second + 1; i < value.size(); ++i) {
    const auto byte = value[i] == '%' ? hex_byte(value, i + 1) : std::nullopt;
    bytes.push_back(byte.value_or(value[i]));
    if (byte) i += 2;
  }
  return decode_text(bytes, value.substr(0, first));
}

// Takes a value up to the next ";" off `rest`, quoted or not.
std::string take_parameter_value(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
  std::string value;
  if (rest.starts_with('"')) {
    std::size_t i = 1;
    for (; i < rest.size() && rest[i] != '"'; ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      value.push_back(rest[i]);
    }
    rest.remove_prefix(std::min(rest.find(';', i), rest.size()));
  } else {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    value = trim(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return value;
}

}  // namespace

std::string MimeEntity::field(const std::string& lower_name) const {
  const auto found = fields.find(lower_name);
  return found == fields.end() ? std::string() : found->second;
}

std::string MimeValue::parameter(const std::string& lower_name) const {
  const auto found = parameters.find(lower_name);
  return found == parameters.end() ? std::string() : found->second;
}

MimeEntity parse_entity(std::string_view bytes) {
  MimeEntity entity;
  std::string* last = nullptr;
  while (!bytes.empty()) {
    const std::string_view from_here = bytes;
    const std::string_view line = without_end(take_line(bytes));
    if (line.empty()) break;
    if (entity.fields.empty() && line.find(':') == std::string_view::npos) {
      bytes = from_here;  // a part without fields whose blank line is missing too
      break;
    }
    if (line[0] == ' ' || line[0] == '\t') {
      if (last != nullptr && last->size() < kLongestField) last->append(" ").append(trim(line));
      continue;
    }
    last = nullptr;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || entity.fields.size() == kMostFields) continue;
    const auto [field, is_new] =
        entity.fields.emplace(lower_ascii(trim(line.substr(0, colon))),
                              trim(line.substr(colon + 1)).substr(0, kLongestField));
    if (is_new) last = &field->second;
  }
  entity.body = bytes;
  return entity;
}

MimeValue parse_value(std::string_view text) {
  MimeValue value;
  const std::size_t end = std::min(text.find(';'), text.size());
  value.value = lower_ascii(trim(text.substr(0, end)));
  std::string_view rest = text.substr(end);
  while (rest.starts_with(';') && value.parameters.size() < kMostFields) {
    rest.remove_prefix(1);
    const std::size_t mark = rest.find_first_of("=;");
    if (mark == std::string_view::npos) break;
    if (rest[mark] == ';') {
      rest.remove_prefix(mark);
      continue;
    }
    std::string name = lower_ascii(trim(rest.substr(0, mark)));
    rest.remove_prefix(mark + 1);
    std::string content = take_parameter_value(rest);
    if (name.ends_with('*')) {
      name.pop_back();
      content = decode_extended(content);
    }
    value.parameters.emplace(std::move(name), std::move(content));
  }
  return value;
}

std::string_view decode_transfer(std::string_view body, std::string_view encoding,
                                 std::string& holder) {
  const std::string name = lower_ascii(trim(encoding));
  if (name == "base64") return holder = decode_base64(body);
  if (name == "quoted-printable") return holder = decode_quoted_printable(body);
  return body;
}

std::string decode_header(std::string_view text) {
  std::string out;
  std::size_t plain = 0;  // where the text that is not encoded begins
  for (std::size_t i = 0; i < text.size();) {
    const auto word = text.substr(i).starts_with("=?") ? decode_word(text.substr(i)) : std::nullopt;
    if (!word) {
      ++i;
      continue;
    }
    // Space between two encoded words is not part of the text.
    const std::string_view between = text.substr(plain, i - plain);
    if (plain == 0 || !trim(between).empty()) out += decode_text(between);
    out += word->first;
    i += word->second;
    plain = i;
  }
  return out + decode_text(text.substr(plain));
}

std::vector<std::string_view> split_parts(std::string_view body, std::string_view boundary) {
  std::vector<std::string_view> parts;
  if (boundary.empty()) return parts;
  const std::string mark = "--" + std::string(boundary);
  std::string_view rest = body;
  std::optional<std::size_t> begin;
  while (!rest.empty() && parts.size() < kMostParts) {
    const std::size_t line_begin = body.size() - rest.size();
    const std::string_view line = take_line(rest);
    if (!line.starts_with(mark)) continue;
    const std::string_view after = trim(line.substr(mark.size()));
    if (!after.empty() && after != "--") continue;  // another boundary that begins the same
    if (begin) parts.push_back(body.substr(*begin, line_begin - *begin));
    begin = body.size() - rest.size();
    if (after == "--") return parts;
  }
  // The end is missing: what is there is a part all the same.
  if (begin && parts.size() < kMostParts) parts.push_back(body.substr(*begin));
  return parts;
}

}  // namespace tandem
