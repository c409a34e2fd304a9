#include "generator/passage_reading.h"

#include <algorithm>

namespace tandem {

std::size_t find_passage_mark(std::string_view text) {
  return std::min(text.find(kPassageBegin), text.find(kPassageEnd));
}

std::string without_passage_marks(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (true) {
    const std::size_t mark = find_passage_mark(text);
    clean += text.substr(0, mark);
    if (mark == std::string_view::npos) return clean;
    text.remove_prefix(mark + kPassageMarkBytes);
  }
}

}  // namespace tandem
