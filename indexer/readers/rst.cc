#include "indexer/readers/rst.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "indexer/readers/decode.h"
#include "indexer/readers/lines.h"

namespace tandem {
namespace {

struct Line {
  std::size_t begin = 0;
  std::string_view text;
};

std::string_view without_trailing_space(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t") + 1);
}

// The character that an adornment repeats; '\0' if the line is none.
char adornment(std::string_view line) {
  line = without_trailing_space(line);
  if (line.size() < 2 || std::ispunct(static_cast<unsigned char>(line[0])) == 0) return '\0';
  return line.find_first_not_of(line[0]) == std::string_view::npos ? line[0] : '\0';
}

// Whether the adornment is as long as the title, as docutils demands but for short slips.
bool covers(std::string_view adornment_line, std::string_view title) {
  return without_trailing_space(adornment_line).size() + 2 >= count_code_points(title);
}

// Levels by style: the character, and whether it stands above the title as well.
class Levels {
 public:
  int of(char mark, bool has_overline) {
    const int style = static_cast<unsigned char>(mark) * 2 + (has_overline ? 1 : 0);
    const auto found = std::find(styles_.begin(), styles_.end(), style);
    if (found == styles_.end()) {
      styles_.push_back(style);
      return static_cast<int>(styles_.size());
    }
    return static_cast<int>(found - styles_.begin()) + 1;
  }

 private:
  std::vector<int> styles_;
};

}  // namespace

SourceText read_rst(std::string_view bytes) {
  SourceText source;
  source.media_type = "text/x-rst";
  source.text = normalize_lines(decode_text(bytes));
  Levels levels;
  Line above;   // two lines before the one that is looked at
  Line before;  // the line before
  Lines lines(source.text);
  while (lines.next()) {
    const Line line{lines.begin(), lines.line()};
    const char mark = adornment(line.text);
    const std::string_view title = trim(before.text);
    const bool has_overline = mark != '\0' && adornment(above.text) == mark;
    const bool is_indented = !before.text.empty() && title.data() != before.text.data();
    // Between text and a title stands a blank line; a title with an overline may be indented.
    const bool is_title = mark != '\0' && !title.empty() && adornment(before.text) == '\0' &&
                          covers(line.text, title) &&
                          (has_overline || (!is_indented && trim(above.text).empty()));
    if (is_title) {
      source.headings.push_back(
          heading_at(before.begin, before.text, title, levels.of(mark, has_overline)));
      above = before = {};
      continue;
    }
    above = before;
    before = line;
  }
  source.title = first_chapter(source);
  return source;
}

}  // namespace tandem
