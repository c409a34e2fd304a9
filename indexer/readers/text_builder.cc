#include "indexer/readers/text_builder.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem {
namespace {

bool is_space(char32_t c) {
  return c <= 0x20 || c == 0x7F || (c >= 0x80 && c < 0xA0) || c == 0xA0 || c == 0x2028 ||
         c == 0x2029;
}

bool is_plain(char c) {
  return c > 0x20 && c < 0x7F;
}

bool is_ignorable(char32_t c) {
  return c == 0xAD || c == 0x200B || (c >= 0x2060 && c <= 0x2064) || c == 0xFEFF;
}

}  // namespace

std::string clean_words(std::string_view words) {
  std::string out;
  out.reserve(words.size());
  char border = '\0';
  while (!words.empty()) {
    // Most of any text is runs of plain ASCII, which need no look at each character.
    const auto* end = std::find_if_not(words.begin(), words.end(), is_plain);
    const auto run = static_cast<std::size_t>(end - words.begin());
    if (run > 0) {
      if (border != '\0' && !out.empty()) out.push_back(border);
      border = '\0';
      out += words.substr(0, run);
      words.remove_prefix(run);
      continue;
    }
    const Utf8Char next = decode_utf8(words);
    if (is_space(next.code_point)) {
      const bool ends_line =
          next.code_point == '\n' || next.code_point == 0x2028 || next.code_point == 0x2029;
      if (ends_line || border == '\0') border = ends_line ? '\n' : ' ';
    } else if (!is_ignorable(next.code_point)) {
      if (border != '\0' && !out.empty()) out.push_back(border);
      border = '\0';
      append_utf8(next.code_point, out);
    }
    words.remove_prefix(next.size_bytes);
  }
  return out;
}

void TextBuilder::border(int newlines) {
  newlines_ = std::max(newlines_, newlines);
}

void TextBuilder::check_size() const {
  if (source_.text.size() > kMaxTextBytes) {
    throw Error(
        ErrorCode::kTooLarge,
        name_ + " has more than the limit of " + std::to_string(kMaxTextBytes) + " bytes of text",
        "split the document");
  }
}

std::size_t TextBuilder::begin_text() {
  if (!source_.text.empty()) source_.text.append(static_cast<std::size_t>(newlines_), '\n');
  newlines_ = 0;
  const std::size_t begin = source_.text.size();
  for (; pending_pages_ > 0; --pending_pages_) source_.page_starts.push_back(begin);
  return begin;
}

void TextBuilder::paragraph(std::string_view words) {
  border(2);
  line(words);
  border(2);
}

void TextBuilder::line(std::string_view words) {
  const std::string cleaned = clean_words(words);
  if (cleaned.empty()) return;
  border(1);
  begin_text();
  source_.text += cleaned;
  check_size();
}

void TextBuilder::item(std::string_view words, int level) {
  constexpr int kDeepest = 8;
  const std::string cleaned = clean_words(words);
  if (cleaned.empty()) return;
  border(1);
  begin_text();
  const int indent = 2 * (std::clamp(level, 1, kDeepest) - 1);
  source_.text.append(static_cast<std::size_t>(indent), ' ');
  source_.text += "- ";
  source_.text += cleaned;
  check_size();
}

void TextBuilder::heading(std::string_view words, int level) {
  std::string cleaned = clean_words(words);
  if (cleaned.empty()) return;
  std::replace(cleaned.begin(), cleaned.end(), '\n', ' ');
  border(2);
  const std::size_t begin = begin_text();
  source_.text += cleaned;
  source_.headings.push_back({begin, source_.text.size(), level});
  border(2);
  check_size();
}

void TextBuilder::verbatim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return;
  // The first line keeps its indentation.
  const std::size_t line = text.substr(0, first).rfind('\n');
  text.remove_prefix(line == std::string_view::npos ? 0 : line + 1);
  text = text.substr(0, text.find_last_not_of(" \t\n") + 1);
  border(2);
  begin_text();
  source_.text += text;
  border(2);
  check_size();
}

void TextBuilder::append(const SourceText& part, int deeper) {
  if (part.text.empty()) return;
  border(2);
  const std::size_t begin = begin_text();
  source_.text += part.text;
  for (const Heading& heading : part.headings) {
    source_.headings.push_back(
        {begin + heading.begin, begin + heading.end, heading.level + deeper});
  }
  border(2);
  check_size();
}

SourceText TextBuilder::take(std::string_view media_type, std::string_view title) {
  source_.media_type = media_type;
  source_.title = clean_words(title);
  std::replace(source_.title.begin(), source_.title.end(), '\n', ' ');
  return std::move(source_);
}

}  // namespace tandem
