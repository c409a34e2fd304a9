#include "retriever/passage_set.h"

#include "base/error.h"

namespace tandem {

PassageSet::PassageSet(std::span<const PassageRange> ranges) {
  for (const PassageRange& range : ranges) {
    if (range.begin == range.end) continue;
    TANDEM_CHECK(range.begin < range.end);
    TANDEM_CHECK(ranges_.empty() || ranges_.back().end <= range.begin);
    size_ += range.end - range.begin;
    if (!ranges_.empty() && ranges_.back().end == range.begin) {
      ranges_.back().end = range.end;
    } else {
      ranges_.push_back(range);
    }
  }
  if (ranges_.empty()) return;
  first_ = ranges_.front().begin;
  bit_count_ = ranges_.back().end - first_;
  bits_.resize((bit_count_ + 63) / 64);
  for (const PassageRange& range : ranges_) {
    for (PassageId place = range.begin - first_; place < range.end - first_; ++place) {
      bits_[place / 64] |= std::uint64_t{1} << place % 64;
    }
  }
}

}  // namespace tandem
