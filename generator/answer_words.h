// The words of an answer, as measures of answers count them. All functions are pure and safe to
// call from any thread; texts are UTF-8.
#ifndef TANDEM_GENERATOR_ANSWER_WORDS_H_
#define TANDEM_GENERATOR_ANSWER_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// In lower case, without the punctuation of ASCII (which leaves no space: "U.S." is "us"; other
// punctuation stays), then without the words "a", "an" and "the": by the rules of SQuAD's published
// script.
std::vector<std::string> answer_words(std::string_view text);

// The same, apart by one space.
std::string normalize_answer(std::string_view text);

// The runs of letters and digits, in lower case.
std::vector<std::string> letters_and_digits(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_ANSWER_WORDS_H_
