// Lines and headings of texts whose marks stay in them: Markdown, reStructuredText, Org.
#ifndef TANDEM_INDEXER_READERS_LINES_H_
#define TANDEM_INDEXER_READERS_LINES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// Without blanks at either end.
inline std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Walks the lines of a text, keeping the byte at which each begins.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  bool next() {
    if (next_ > text_.size() || (next_ == text_.size() && next_ != 0)) return false;
    begin_ = next_;
    const std::size_t end = text_.find('\n', begin_);
    line_ = text_.substr(begin_, end == std::string_view::npos ? end : end - begin_);
    next_ = end == std::string_view::npos ? text_.size() + 1 : end + 1;
    return true;
  }
  std::string_view line() const { return line_; }
  std::size_t begin() const { return begin_; }

 private:
  std::string_view text_;
  std::string_view line_;
  std::size_t begin_ = 0;
  std::size_t next_ = 0;
};

// A heading of the `words` that stand within `line`.
inline Heading heading_at(std::size_t line_begin, std::string_view line, std::string_view words,
                          int level) {
  const auto begin = line_begin + static_cast<std::size_t>(words.data() - line.data());
  return {begin, begin + words.size(), level};
}

// The words of the first heading of level 1; empty if there is none.
inline std::string first_chapter(const SourceText& source) {
  for (const Heading& heading : source.headings) {
    if (heading.level == 1) {
      return source.text.substr(heading.begin, heading.end - heading.begin);
    }
  }
  return {};
}

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_LINES_H_
