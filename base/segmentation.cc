#include "base/segmentation.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/utext.h>

#include <memory>

#include "base/error.h"

namespace tandem {
namespace {

using BreakIteratorPtr = std::unique_ptr<icu::BreakIterator>;

void require_success(UErrorCode status, const char* action) {
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kInternal,
                std::string("ICU cannot ") + action + ": " + u_errorName(status),
                "check that ICU's data is installed");
  }
}

BreakIteratorPtr clone_of(const icu::BreakIterator& prototype) {
  return BreakIteratorPtr(prototype.clone());
}

// Loading the rules takes a millisecond, cloning them a few microseconds; a clone belongs to one
// call.
BreakIteratorPtr sentence_iterator() {
  static const BreakIteratorPtr prototype = [] {
    UErrorCode status = U_ZERO_ERROR;
    BreakIteratorPtr created(
        icu::BreakIterator::createSentenceInstance(icu::Locale::getRoot(), status));
    require_success(status, "load its sentence rules");
    return created;
  }();
  return clone_of(*prototype);
}

BreakIteratorPtr word_iterator() {
  static const BreakIteratorPtr prototype = [] {
    UErrorCode status = U_ZERO_ERROR;
    BreakIteratorPtr created(
        icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
    require_success(status, "load its word rules");
    return created;
  }();
  return clone_of(*prototype);
}

// Calls visit(begin, end, rule_status) for each segment between two breaks.
template <typename Visit>
void for_each_segment(icu::BreakIterator& iterator, std::string_view text, const Visit& visit) {
  UErrorCode status = U_ZERO_ERROR;
  UText utf8 = UTEXT_INITIALIZER;
  utext_openUTF8(&utf8, text.data(), static_cast<int64_t>(text.size()), &status);
  require_success(status, "open a text");
  iterator.setText(&utf8, status);
  if (U_SUCCESS(status)) {
    int32_t begin = iterator.first();
    for (int32_t end = iterator.next(); end != icu::BreakIterator::DONE; end = iterator.next()) {
      visit(static_cast<std::size_t>(begin), static_cast<std::size_t>(end),
            iterator.getRuleStatus());
      begin = end;
    }
  }
  utext_close(&utf8);
  require_success(status, "segment a text");
}

}  // namespace

std::vector<TextSpan> split_sentences(std::string_view text) {
  std::vector<TextSpan> sentences;
  for_each_segment(*sentence_iterator(), text, [&](std::size_t begin, std::size_t end, int32_t) {
    sentences.push_back({begin, end});
  });
  return sentences;
}

std::vector<TextSpan> split_words(std::string_view text) {
  std::vector<TextSpan> words;
  for_each_segment(*word_iterator(), text,
                   [&](std::size_t begin, std::size_t end, int32_t rule_status) {
                     if (rule_status >= UBRK_WORD_NONE_LIMIT) words.push_back({begin, end});
                   });
  return words;
}

}  // namespace tandem
