#include "generator/passage_reading.h"

#include <algorithm>

namespace tandem {

std::string without_passage_marks(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  static_assert(kPassageBegin.size() == kPassageEnd.size());
  while (true) {
    const auto mark = std::min(text.find(kPassageBegin), text.find(kPassageEnd));
    clean += text.substr(0, mark);
    if (mark == std::string_view::npos) return clean;
    text.remove_prefix(mark + kPassageBegin.size());
  }
}

}  // namespace tandem
