// Two rankings into one.
#ifndef TANDEM_RETRIEVER_FUSION_H_
#define TANDEM_RETRIEVER_FUSION_H_

#include <cstddef>
#include <span>
#include <vector>

#include "retriever/dense_index.h"

namespace tandem {

enum class Fusion {
  // Reciprocal rank (Cormack, Clarke and Buettcher 2009): sum over lists of weight / (60 + rank),
  // as
  // a part of what a passage has that is first in both. Needs nothing of the scores.
  kRanks,
  // Sum of weight * score, the scores of each list scaled so that its best is 1 and its worst 0.
  kScores,
};

struct FusionOptions {
  Fusion method = Fusion::kScores;
  // Of the second, lexical ranking; the first, dense one has the rest of 1.
  float lexical_weight = 0.5f;
};

// Both lists best first. The `limit` best passages of either, best first, with scores from 0 to 1;
// of equal ones the older first. Safe from any thread.
std::vector<ScoredPassage> fuse(std::span<const ScoredPassage> dense,
                                std::span<const ScoredPassage> lexical, std::size_t limit,
                                const FusionOptions& options = {});

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_FUSION_H_
