// Whether two sets of questions, to learn from and to measure by, are apart.
#ifndef TANDEM_TRAINER_QUESTION_LEAKS_H_
#define TANDEM_TRAINER_QUESTION_LEAKS_H_

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trainer/question_set.h"

namespace tandem {

// Questions are near where, of the words that either has (normalize_answer()), at least this share
// is in both: the same words in another order, or one of ten exchanged.
inline constexpr double kNearQuestions = 0.8;

// All pairs of places in `a` and `b` whose questions are near, in order. Exact, by prefix filtering
// (Chaudhuri et al. 2006, "A Primitive Operator for Similarity Joins in Data Cleaning"): only
// questions that share one of their rarest words are compared. Pure; safe from any thread.
std::vector<std::pair<std::size_t, std::size_t>> near_questions(std::span<const Question> a,
                                                                std::span<const Question> b);

struct QuestionLeaks {
  // Ids of a question to learn from and of one to measure by that is near it: each of the latter
  // once.
  std::vector<std::pair<std::string, std::string>> questions;
  std::vector<std::string> documents;  // of positives of both (document_of()), each once

  bool empty() const { return questions.empty() && documents.empty(); }
};

// Pure; safe from any thread.
QuestionLeaks find_leaks(const Corpus& corpus, std::span<const Question> learned,
                         std::span<const Question> measured);

// How many, with an example of each, for people.
std::string describe_leaks(const QuestionLeaks& leaks);

}  // namespace tandem

#endif  // TANDEM_TRAINER_QUESTION_LEAKS_H_
