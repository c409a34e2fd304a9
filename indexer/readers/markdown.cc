#include "indexer/readers/markdown.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "indexer/readers/decode.h"
#include "indexer/readers/lines.h"

namespace tandem {
namespace {

std::size_t indent_of(std::string_view line) {
  std::size_t columns = 0;
  for (const char c : line) {
    if (c == ' ') {
      ++columns;
    } else if (c == '\t') {
      columns += 4 - columns % 4;
    } else {
      break;
    }
  }
  return columns;
}

struct Fence {
  char mark = '`';
  std::size_t length = 0;
};

std::optional<Fence> parse_fence(std::string_view line) {
  if (indent_of(line) > 3) return std::nullopt;
  const std::string_view body = trim(line);
  if (body.empty() || (body[0] != '`' && body[0] != '~')) return std::nullopt;
  const std::size_t after = std::min(body.find_first_not_of(body[0]), body.size());
  if (after < 3) return std::nullopt;
  if (body[0] == '`' && body.find('`', after) != std::string_view::npos) return std::nullopt;
  return Fence{body[0], after};
}

bool closes(const Fence& fence, std::string_view line) {
  const std::string_view body = trim(line);
  return indent_of(line) <= 3 && body.size() >= fence.length &&
         body.find_first_not_of(fence.mark) == std::string_view::npos;
}

std::optional<Heading> parse_atx(std::string_view line, std::size_t line_begin) {
  if (indent_of(line) > 3) return std::nullopt;
  const std::string_view body = trim(line);
  const std::size_t level = std::min(body.find_first_not_of('#'), body.size());
  if (level < 1 || level > 6) return std::nullopt;
  if (level < body.size() && body[level] != ' ' && body[level] != '\t') return std::nullopt;
  std::string_view words = trim(body.substr(level));
  const std::size_t last = words.find_last_not_of('#');
  if (last == std::string_view::npos) return std::nullopt;  // a heading without words
  if (last + 1 < words.size() && (words[last] == ' ' || words[last] == '\t')) {
    words = trim(words.substr(0, last));
  }
  return heading_at(line_begin, line, words, static_cast<int>(level));
}

// 1 for a line of "=", 2 for a line of "-", 0 otherwise.
int setext_level(std::string_view line) {
  const std::string_view body = trim(line);
  if (body.empty() || indent_of(line) > 3) return 0;
  if (body.find_first_not_of('=') == std::string_view::npos) return 1;
  return body.find_first_not_of('-') == std::string_view::npos ? 2 : 0;
}

// Whether an underline below this line makes it a heading: a paragraph of one line. Lists, quotes
// and tables end in lines of "-" too.
bool may_be_setext_heading(std::string_view line) {
  const std::string_view body = trim(line);
  return !body.empty() && indent_of(line) <= 3 &&
         std::string_view("-*+>|#<").find(body[0]) == std::string_view::npos;
}

std::string front_matter_value(std::string_view line, std::string_view key) {
  const std::size_t mark = line.find_first_of(":=");
  if (mark == std::string_view::npos || trim(line.substr(0, mark)) != key) return {};
  std::string_view value = trim(line.substr(mark + 1));
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
      value.back() == value.front()) {
    value = value.substr(1, value.size() - 2);
  }
  return std::string(value);
}

// Bytes of the front matter with its closing line; 0 if there is none. Takes the title out of it.
std::size_t read_front_matter(std::string_view text, std::string& title) {
  Lines lines(text);
  if (!lines.next()) return 0;
  const std::string_view mark = trim(lines.line());
  if (mark != "---" && mark != "+++") return 0;
  std::string found;
  while (lines.next()) {
    if (trim(lines.line()) == mark) {
      title = std::move(found);
      return lines.begin() + lines.line().size();
    }
    if (found.empty()) found = front_matter_value(lines.line(), "title");
  }
  return 0;
}

}  // namespace

SourceText read_markdown(std::string_view bytes) {
  SourceText source;
  source.media_type = "text/markdown";
  source.text = normalize_lines(decode_text(bytes));
  const std::string_view text = source.text;
  const std::size_t body_begin = read_front_matter(text, source.title);

  std::optional<Fence> fence;
  bool in_comment = false;
  bool previous_blank = true;
  std::optional<Heading> candidate;  // the line before, if an underline would make it a heading
  Lines lines(text.substr(body_begin));
  while (lines.next()) {
    const std::string_view line = lines.line();
    const std::size_t begin = body_begin + lines.begin();
    const std::optional<Heading> above = std::exchange(candidate, std::nullopt);
    const bool after_blank = std::exchange(previous_blank, trim(line).empty());
    if (fence) {
      if (closes(*fence, line)) fence.reset();
      continue;
    }
    if (in_comment) {
      in_comment = line.find("-->") == std::string_view::npos;
      continue;
    }
    if ((fence = parse_fence(line))) continue;
    if (trim(line).starts_with("<!--")) {
      in_comment = line.find("-->") == std::string_view::npos;
      continue;
    }
    if (auto heading = parse_atx(line, begin)) {
      source.headings.push_back(*heading);
      previous_blank = true;
      continue;
    }
    if (const int level = setext_level(line); level > 0 && above) {
      source.headings.push_back({above->begin, above->end, level});
      previous_blank = true;
      continue;
    }
    if (after_blank && may_be_setext_heading(line))
      candidate = heading_at(begin, line, trim(line), 1);
  }
  if (source.title.empty()) source.title = first_chapter(source);
  return source;
}

}  // namespace tandem
