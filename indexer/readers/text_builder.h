// Grows a SourceText out of paragraphs, lines, headings and pages.
#ifndef TANDEM_INDEXER_READERS_TEXT_BUILDER_H_
#define TANDEM_INDEXER_READERS_TEXT_BUILDER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// More text than this from one document is kTooLarge: a small file may repeat one string, such as
// the name of a column, any number of times.
inline constexpr std::size_t kMaxTextBytes = 128u << 20;

// Takes valid UTF-8. In words, white space and control characters become single spaces but for line
// ends, which stay; soft hyphens and characters of no width go. Empty words add nothing. Used by
// one thread. Every method that adds text throws kTooLarge beyond kMaxTextBytes, naming `name`.
class TextBuilder {
 public:
  explicit TextBuilder(std::string_view name) : name_(name) {}

  // Set apart by blank lines.
  void paragraph(std::string_view words);
  // On a line of its own, in the same paragraph as the line before.
  void line(std::string_view words);
  // A line "- words", indented by two spaces for each level below 1.
  void item(std::string_view words, int level);
  // One line, set apart.
  void heading(std::string_view words, int level);
  // Kept as it is, set apart: code, preformatted text.
  void verbatim(std::string_view text);
  // Another document's text with its headings, `deeper` levels further in, but not its pages.
  void append(const SourceText& part, int deeper = 0);
  // The next text begins a paragraph, whatever adds it.
  void end_paragraph() { border(2); }
  // The next text stands on the next page.
  void begin_page() { ++pending_pages_; }

  bool empty() const { return source_.text.empty(); }
  SourceText take(std::string_view media_type, std::string_view title = {});

 private:
  void border(int newlines);
  // Writes what stands before the next text and gives the place where that begins.
  std::size_t begin_text();
  void check_size() const;

  std::string name_;
  SourceText source_;
  int newlines_ = 0;
  int pending_pages_ = 0;
};

// Words as TextBuilder writes them.
std::string clean_words(std::string_view words);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_TEXT_BUILDER_H_
