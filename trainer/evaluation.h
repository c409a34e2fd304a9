// How well a retriever finds what holds the answers, and how well a generator answers from it.
#ifndef TANDEM_TRAINER_EVALUATION_H_
#define TANDEM_TRAINER_EVALUATION_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "generator/answerer.h"
#include "generator/generator.h"
#include "retriever/encoder.h"
#include "trainer/corpus_search.h"
#include "trainer/question_result.h"
#include "trainer/question_set.h"

namespace tandem {

struct EvaluationOptions {
  std::size_t passages = kDefaultPromptPassages;  // that go into a prompt, at least 1
  int max_tokens = 32;                            // of an answer
  // Nullopt: one prompt with all of them. Otherwise each is answered from by itself, and this is
  // the temperature of the scores by which one is chosen (generator/marginal_answer.h).
  std::optional<float> each = std::nullopt;
  std::size_t concurrent = 8;  // answers in progress, at least 1
  std::size_t answered = 0;    // questions that are answered, spread evenly over all; 0: all
};

struct EvaluationReport {
  std::vector<QuestionResult> results;  // in the order of the questions
  double retrieval_seconds = 0;         // embedding of the corpus included
  double generation_seconds = 0;
};

// Embeds corpus and questions as the store's passages and a user's question are, searches exactly,
// and has each question answered from the best passages with the most likely token each time.
// Beside one another, answers are computed in the same steps; which of them share one may change
// the last bits of a logit, and so, rarely, a word. Without `generator` (null) only the retriever
// is asked. `progress` may be empty. Throws what the networks throw.
EvaluationReport evaluate(const Corpus& corpus, std::span<const Question> questions,
                          const Encoder& encoder, const Generator* generator,
                          const EvaluationOptions& options = {},
                          const StageProgress& progress = {});

}  // namespace tandem

#endif  // TANDEM_TRAINER_EVALUATION_H_
