#include "generator/jinja/text.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/utf8.h"

namespace tandem::jinja {
namespace {

template <typename Strips>
std::pair<std::size_t, std::size_t> strip(std::string_view text, bool left, bool right,
                                          const Strips& strips) {
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (left && begin < end) {
    const Utf8Char first = decode_utf8(text.substr(begin, end - begin));
    if (!strips(first.code_point)) break;
    begin += first.size_bytes;
  }
  while (right && begin < end) {
    const std::size_t at = begin + last_character(text.substr(begin, end - begin));
    if (!strips(decode_utf8(text.substr(at, end - at)).code_point)) break;
    end = at;
  }
  return {begin, end};
}

}  // namespace

Text::Text(std::string bytes, bool from_message) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), from_message});
}

bool Text::from_message() const {
  for (const Run& run : runs_) {
    if (run.from_message) return true;
  }
  return false;
}

Text Text::slice(std::size_t begin, std::size_t end) const {
  Text out;
  // A text may have as many runs as bytes, and be cut into single characters.
  for (auto run = std::ranges::upper_bound(runs_, begin, {}, &Run::end);
       run != runs_.end() && begin < end; ++run) {
    const std::size_t to = std::min(end, run->end);
    out.append(std::string_view(bytes_).substr(begin, to - begin), run->from_message);
    begin = to;
  }
  return out;
}

void Text::append(const Text& other) {
  std::size_t begin = 0;
  for (const Run& run : other.runs_) {
    append(std::string_view(other.bytes_).substr(begin, run.end - begin), run.from_message);
    begin = run.end;
  }
}

void Text::append(std::string_view bytes, bool from_message) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  if (runs_.empty() || runs_.back().from_message != from_message) {
    runs_.push_back({bytes_.size(), from_message});
  } else {
    runs_.back().end = bytes_.size();
  }
}

std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) {
    --at;
  }
  return at;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

std::pair<std::size_t, std::size_t> stripped_range(std::string_view text, bool left, bool right) {
  return strip(text, left, right, is_space);
}

std::pair<std::size_t, std::size_t> stripped_range(std::string_view text,
                                                   std::string_view characters, bool left,
                                                   bool right) {
  std::u32string set;
  while (!characters.empty()) {
    const Utf8Char c = decode_utf8(characters);
    set += c.code_point;
    characters.remove_prefix(c.size_bytes);
  }
  return strip(text, left, right, [&](char32_t c) { return set.find(c) != std::u32string::npos; });
}

std::size_t find_bytes(std::string_view text, std::string_view needle, std::size_t begin) {
  if (begin > text.size()) return std::string_view::npos;
  if (needle.empty()) return begin;
  if (begin == text.size()) return std::string_view::npos;
  const void* found =
      ::memmem(text.data() + begin, text.size() - begin, needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace tandem::jinja
