// Sentences and words of running text in any language, by ICU (Unicode UAX 29).
//
// Offsets are bytes into the UTF-8 given; invalid sequences are passed over as ICU does. All
// functions are safe to call from any thread.
#ifndef TANDEM_BASE_SEGMENTATION_H_
#define TANDEM_BASE_SEGMENTATION_H_

#include <cstddef>
#include <string_view>
#include <vector>

namespace tandem {

struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;  // one past the last

  std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

// Sentences in order; together they cover `text`, white space going with the sentence before it.
std::vector<TextSpan> split_sentences(std::string_view text);

// Words in order: letters, digits and ideographs; punctuation and white space are left out.
std::vector<TextSpan> split_words(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_BASE_SEGMENTATION_H_
