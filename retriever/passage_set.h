// Which passages of a collection a search may return: what a filter selected, for every kind of
// search to test while it computes and never after.
#ifndef TANDEM_RETRIEVER_PASSAGE_SET_H_
#define TANDEM_RETRIEVER_PASSAGE_SET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "store/store.h"

namespace tandem {

struct PassageRange {
  PassageId begin = 0;
  PassageId end = 0;  // one past the last
};

// Immutable; may be shared between threads. Takes one bit for every id between its first and its
// last, and 16 bytes a range: the passages of a document have consecutive ids, so ranges are few.
class PassageSet {
 public:
  PassageSet() = default;
  // By growing begin, none overlapping another. Empty ranges are left out, adjacent ones joined.
  explicit PassageSet(std::span<const PassageRange> ranges);

  bool contains(PassageId id) const {
    const PassageId place = id - first_;  // huge for an id before the first
    return place < bit_count_ && (bits_[place / 64] >> place % 64 & 1) != 0;
  }
  std::size_t size() const { return size_; }
  std::span<const PassageRange> ranges() const { return ranges_; }

 private:
  std::vector<PassageRange> ranges_;
  PassageId first_ = 0;
  PassageId bit_count_ = 0;
  std::vector<std::uint64_t> bits_;
  std::size_t size_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_PASSAGE_SET_H_
