// How near an answer comes to those that are right.
//
// Exact match and F1 are those of SQuAD 2.0 (Rajpurkar et al. 2018, arXiv:1806.03822), to the
// rules of its published script, so that figures compare with other people's. All functions are
// pure and safe to call from any thread; texts are UTF-8.
#ifndef TANDEM_TRAINER_ANSWER_METRICS_H_
#define TANDEM_TRAINER_ANSWER_METRICS_H_

#include <span>
#include <string>
#include <string_view>

namespace tandem {

// 1 where the normalised texts (generator/answer_words.h) are equal, 0 otherwise; the best over
// `answers`. Answers of which normalising leaves nothing do not count, and where none is left an
// empty answer is the right one.
double exact_match(std::string_view answer, std::span<const std::string> answers);

// The harmonic mean of precision and recall over the words of the normalised texts, each as often
// as it comes; the best over `answers`, which count as above.
double token_f1(std::string_view answer, std::span<const std::string> answers);

// Whether the words of one of the `answers`, normalised, stand in `text`, one after another.
// Answers of which normalising leaves nothing are in no text.
bool holds_answer(std::string_view text, std::span<const std::string> answers);

// Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3: F1 of the longest
// common subsequence of words, of letters and digits in lower case; the best over `answers`, 0
// where there is none. For answers that are sentences. Takes time by the product of the lengths.
double rouge_l(std::string_view answer, std::span<const std::string> answers);

}  // namespace tandem

#endif  // TANDEM_TRAINER_ANSWER_METRICS_H_
