// Which questions are the most useful ones to learn from, where not all are.
#ifndef TANDEM_TRAINER_QUESTION_SELECTION_H_
#define TANDEM_TRAINER_QUESTION_SELECTION_H_

#include <cstddef>
#include <span>
#include <vector>

namespace tandem {

enum class QuestionSelection {
  kAll,
  // Of which the retriever has the most to learn: -log of what a softmax over the retrieved
  // passages, and a positive, gives to the positives.
  kLoss,
  // Whose answers the generator finds least likely after the best passage that holds one: the mean
  // of -log p over the answer's tokens, the logarithm of their perplexity.
  kPerplexity,
  // That are least alike: each next one is the farthest from all before it (the greedy k-centre of
  // Gonzalez 1985, as in Sener and Savarese 2018, arXiv:1708.00489).
  kDiversity,
};

// Places of the `count` highest, growing; of equal ones the first. Pure; safe from any thread.
std::vector<std::size_t> highest_places(std::span<const double> usefulness, std::size_t count);

// Places of `count` rows of `vectors` [rows, dimension], each of length 1, growing. The first is
// the nearest to their mean. Takes time by rows and count. Pure; safe from any thread.
std::vector<std::size_t> diverse_places(std::span<const float> vectors, std::size_t dimension,
                                        std::size_t count);

// `positive_scores` and `other_scores` are cosines divided by the temperature; 0 without positives.
double retrieval_loss(std::span<const double> positive_scores,
                      std::span<const double> other_scores);

}  // namespace tandem

#endif  // TANDEM_TRAINER_QUESTION_SELECTION_H_
