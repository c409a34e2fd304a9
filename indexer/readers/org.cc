#include "indexer/readers/org.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/utf8.h"
#include "indexer/readers/decode.h"
#include "indexer/readers/lines.h"

namespace tandem {
namespace {

constexpr std::size_t kDeepest = 9;

// A line of 1 to kDeepest marks, space and words.
std::optional<Heading> parse_marked(std::size_t line_begin, std::string_view line, char mark) {
  const std::size_t level = std::min(line.find_first_not_of(mark), line.size());
  if (level < 1 || level > kDeepest || level == line.size() || line[level] != ' ') {
    return std::nullopt;
  }
  const std::string_view words = trim(line.substr(level));
  if (words.empty()) return std::nullopt;
  return heading_at(line_begin, line, words, static_cast<int>(level));
}

std::string_view without_task_marks(std::string_view words) {
  for (const std::string_view keyword : {"TODO ", "DONE "}) {
    if (words.starts_with(keyword)) words = trim(words.substr(keyword.size()));
  }
  const std::size_t tags = words.rfind(" :");
  if (words.ends_with(':') && tags != std::string_view::npos && tags + 2 < words.size() &&
      words.find(' ', tags + 1) == std::string_view::npos) {
    words = trim(words.substr(0, tags));
  }
  return words;
}

}  // namespace

SourceText read_org(std::string_view bytes) {
  constexpr std::string_view kTitle = "#+title:";
  SourceText source;
  source.media_type = "text/org";
  source.text = normalize_lines(decode_text(bytes));
  bool in_block = false;
  Lines lines(source.text);
  while (lines.next()) {
    const std::string_view line = lines.line();
    const std::string start = lower_ascii(trim(line).substr(0, kTitle.size()));
    if (start.starts_with("#+begin")) in_block = true;
    if (start.starts_with("#+end")) in_block = false;
    if (start == kTitle && source.title.empty()) {
      source.title = trim(trim(line).substr(kTitle.size()));
    }
    if (in_block) continue;
    if (const auto heading = parse_marked(lines.begin(), line, '*')) {
      const std::string_view words = without_task_marks(
          std::string_view(source.text).substr(heading->begin, heading->end - heading->begin));
      if (!words.empty()) {
        source.headings.push_back(heading_at(0, source.text, words, heading->level));
      }
    }
  }
  if (source.title.empty()) source.title = first_chapter(source);
  return source;
}

SourceText read_asciidoc(std::string_view bytes) {
  SourceText source;
  source.media_type = "text/asciidoc";
  source.text = normalize_lines(decode_text(bytes));
  std::string_view listing;  // the line that opened it and will close it
  Lines lines(source.text);
  while (lines.next()) {
    const std::string_view line = trim(lines.line());
    if (!listing.empty()) {
      if (line == listing) listing = {};
    } else if (line.size() >= 4 && (line.find_first_not_of('-') == std::string_view::npos ||
                                    line.find_first_not_of('.') == std::string_view::npos)) {
      listing = line;
    } else if (const auto heading = parse_marked(lines.begin(), lines.line(), '=')) {
      source.headings.push_back(*heading);
    }
  }
  source.title = first_chapter(source);
  return source;
}

}  // namespace tandem
