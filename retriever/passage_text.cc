#include "retriever/passage_text.h"

#include <algorithm>

namespace tandem {
namespace {

// Whether one of the first lines of the text is this heading, Markdown marks aside. Not only the
// first, since a heading may stand below one that has no text of its own.
bool opens_with(std::string_view text, std::string_view heading) {
  constexpr int kLines = 4;
  for (int line = 0; line < kLines && !text.empty(); ++line) {
    text.remove_prefix(std::min(text.find_first_not_of("#* \n"), text.size()));
    if (text.starts_with(heading) &&
        (text.size() == heading.size() || text[heading.size()] == '\n')) {
      return true;
    }
    text.remove_prefix(std::min(text.find('\n'), text.size()));
  }
  return false;
}

}  // namespace

std::string title_with_headings(std::string_view title, std::string_view heading_path) {
  std::string text(title);
  if (!heading_path.empty()) text.append(kHeadingSeparator).append(heading_path);
  return text;
}

std::string embedding_text(const Passage& passage) {
  const std::string_view title = passage.title;
  std::string_view path = passage.heading_path;
  if (path == title) {
    path = {};
  } else if (!title.empty() && path.starts_with(title) &&
             path.substr(title.size()).starts_with(kHeadingSeparator)) {
    path.remove_prefix(title.size() + kHeadingSeparator.size());
  }
  // What the text says itself in its first line needs no saying before it.
  const std::size_t inner = path.rfind(kHeadingSeparator);
  const std::string_view last =
      inner == std::string_view::npos ? path : path.substr(inner + kHeadingSeparator.size());
  if (!last.empty() && opens_with(passage.text, last)) {
    path = inner == std::string_view::npos ? std::string_view() : path.substr(0, inner);
  }
  std::string text;
  if (!title.empty() && !opens_with(passage.text, title)) text = title;
  if (!path.empty()) {
    if (!text.empty()) text += kHeadingSeparator;
    text += path;
  }
  if (!text.empty()) text += '\n';
  return text += passage.text;
}

}  // namespace tandem
