// The order of passages in a prompt.
#ifndef TANDEM_GENERATOR_PASSAGE_ORDER_H_
#define TANDEM_GENERATOR_PASSAGE_ORDER_H_

#include <cstddef>
#include <list>
#include <mutex>
#include <vector>

#include "retriever/retriever.h"

namespace tandem {

enum class PassageOrder {
  kRelevance,  // best first; the same question gets the same prompt
  // Those that began an earlier prompt come first, as they stood there, so that what was computed
  // for them is found again; the rest best first. An answer then depends on what was asked before.
  kReuse,
};

// The orders of the prompts that came last. All methods may be called from any thread.
class RecentOrders {
 public:
  explicit RecentOrders(std::size_t capacity = 256) : capacity_(capacity) {}

  // Moves to the front the longest beginning of a recent order of which every passage is among
  // `hits`, the latest one where several are as long. Nothing is lost or added.
  void arrange(std::vector<Hit>& hits) const;
  void remember(const std::vector<Hit>& hits);

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::list<std::vector<PassageId>> orders_;  // of passage ids, the latest first
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_PASSAGE_ORDER_H_
