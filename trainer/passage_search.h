// Which passages of a corpus are nearest to many questions: exact, for training and evaluation,
// where an approximate index would be one more thing that differs between two runs.
#ifndef TANDEM_TRAINER_PASSAGE_SEARCH_H_
#define TANDEM_TRAINER_PASSAGE_SEARCH_H_

#include <cstddef>
#include <span>
#include <vector>

#include "trainer/worker_group.h"

namespace tandem {

struct FoundPassage {
  std::size_t index = 0;  // row of `passages`
  float score = 0;        // inner product; the cosine, since vectors have length 1
};

// The k best passages for each query, best first; fewer only where there are fewer. `passages` is
// [passages, dimension] and `queries` [queries, dimension], row-major. A score depends on its two
// rows alone, and of equal ones the lower index is better: the same rows, the same answer, whatever
// else is asked and however many threads there are. A score that is not a number is passed over.
// Computes with compute_threads(); safe from any thread.
std::vector<std::vector<FoundPassage>> search_passages(std::span<const float> passages,
                                                       std::span<const float> queries,
                                                       std::size_t dimension, std::size_t k);

// The same of passages that are spread over workers, of which `own`, from the corpus's passage
// `first` on, are this one's: all of them come to the same answer, with the corpus's indices. Waits
// for the others.
std::vector<std::vector<FoundPassage>> search_passages(WorkerGroup& workers,
                                                       std::span<const float> own,
                                                       std::size_t first,
                                                       std::span<const float> queries,
                                                       std::size_t dimension, std::size_t k);

}  // namespace tandem

#endif  // TANDEM_TRAINER_PASSAGE_SEARCH_H_
