// The best passages that a search has come by, wherever it found them.
#ifndef TANDEM_RETRIEVER_TOP_PASSAGES_H_
#define TANDEM_RETRIEVER_TOP_PASSAGES_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "retriever/dense_index.h"

namespace tandem {

// Of equal scores the smaller id is better, so that an answer does not depend on where a passage
// was found. Used by one thread at a time.
class TopPassages {
 public:
  explicit TopPassages(std::size_t limit) : limit_(limit) {}

  // A score that is not a number is passed over.
  void offer(PassageId id, float score) {
    const ScoredPassage passage{id, score};
    if (score != score || limit_ == 0) return;
    if (heap_.size() == limit_) {
      if (!better(passage, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = passage;
    } else {
      heap_.push_back(passage);
    }
    std::push_heap(heap_.begin(), heap_.end(), better);
  }

  void offer(std::span<const ScoredPassage> passages) {
    for (const ScoredPassage& passage : passages) offer(passage.id, passage.score);
  }

  bool is_full() const { return heap_.size() == limit_; }
  // What a passage must exceed to be kept, where it is full and its limit is not 0.
  float least_score() const { return heap_.front().score; }

  // Best first; what was offered before is gone.
  std::vector<ScoredPassage> take() {
    std::sort_heap(heap_.begin(), heap_.end(), better);
    return std::exchange(heap_, {});
  }

 private:
  static bool better(const ScoredPassage& a, const ScoredPassage& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  }

  std::size_t limit_;
  std::vector<ScoredPassage> heap_;  // the worst at its front
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_TOP_PASSAGES_H_
