#include "generator/text_stream.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem {
namespace {

// Length of the longest end of `text` that a stop string begins with. Whole stop strings do not
// count: they have been looked for before.
std::size_t open_stop_size(std::string_view text, const std::vector<std::string>& stop) {
  std::size_t longest = 0;
  for (const std::string_view word : stop) {
    for (std::size_t size = std::min(word.size() - 1, text.size()); size > longest; --size)
      if (text.ends_with(word.substr(0, size))) longest = size;
  }
  return longest;
}

// Where the stop string begins that is whole first, or the longer of two. It is not always the one
// that begins first; but which one it is must not depend on how the text is cut.
std::optional<std::size_t> first_stop(std::string_view text, const std::vector<std::string>& stop) {
  std::optional<std::size_t> begin;
  std::size_t end = std::string_view::npos;
  for (const std::string_view word : stop) {
    const std::size_t place = text.find(word);
    if (place == std::string_view::npos || place + word.size() > end) continue;
    begin = place + word.size() < end ? place : std::min(*begin, place);
    end = place + word.size();
  }
  return begin;
}

}  // namespace

TextStream::TextStream(std::vector<std::string> stop) : stop_(std::move(stop)) {
  for (const auto& word : stop_) TANDEM_CHECK(!word.empty());
}

std::string TextStream::push(std::string_view bytes) {
  if (stopped_) return {};
  pending_ += bytes;

  if (const auto begin = first_stop(pending_, stop_)) {
    stopped_ = true;
    pending_.resize(*begin);
    shown_bytes_ += *begin;
    return repair_utf8(std::exchange(pending_, {}));
  }

  const std::string_view text = pending_;
  const auto size = complete_utf8_prefix(text.substr(0, text.size() - open_stop_size(text, stop_)));
  std::string shown = repair_utf8(text.substr(0, size));
  pending_.erase(0, size);
  shown_bytes_ += size;
  return shown;
}

std::string TextStream::finish() {
  pending_.resize(complete_utf8_prefix(pending_));
  shown_bytes_ += pending_.size();
  return repair_utf8(std::exchange(pending_, {}));
}

}  // namespace tandem
