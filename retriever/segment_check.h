// Whether the index's files are what they should be.
#ifndef TANDEM_RETRIEVER_SEGMENT_CHECK_H_
#define TANDEM_RETRIEVER_SEGMENT_CHECK_H_

#include <cstdint>

#include "store/check.h"
#include "store/store.h"

namespace tandem {

struct SegmentCheck {
  std::uint64_t segments = 0;
  std::uint64_t passages = 0;  // in segments; others are replayed at each opening
  ProblemList problems;
};

// Reads every segment of the store through and holds its passages against the store's. What is
// wrong here loses nothing: opening the store for writing makes it again. Another process may write
// to the store meanwhile.
SegmentCheck check_segments(const Store& store);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEGMENT_CHECK_H_
