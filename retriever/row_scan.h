// Scores rows of a part of the index and keeps the best of those that a search may return.
#ifndef TANDEM_RETRIEVER_ROW_SCAN_H_
#define TANDEM_RETRIEVER_ROW_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "retriever/query_scorer.h"
#include "retriever/row_filter.h"
#include "retriever/top_passages.h"

namespace tandem {

// Vectors of one coding, in some order.
struct CodedVectors {
  const std::uint8_t* codes = nullptr;
  const std::uint8_t* rests = nullptr;  // of kSplit; otherwise null
};

// For one search in one part, by one thread. Refers to all that it is made with.
class RowScan {
 public:
  // Offers rows to `best`, whose limit is at least 1.
  RowScan(const QueryScorer& scorer, const RowFilter& filter, TopPassages& best)
      : scorer_(scorer), filter_(filter), best_(best) {}

  // Vectors first, first + 1 and so on, which are those of `rows`: of these, what the filter
  // admits.
  void scan(const CodedVectors& vectors, std::size_t first, std::span<const std::int64_t> rows) {
    scan(vectors, first, rows.size(), rows.data());
  }
  // The same of all rows, where vectors are in their order.
  void scan_all(const CodedVectors& vectors) { scan(vectors, 0, filter_.ids.size(), nullptr); }
  // Offers all of `rows`. The vector of each is the one with the number that `places` has for it,
  // or with its own if `places` is empty.
  void offer_all(const CodedVectors& vectors, std::span<const std::uint32_t> rows,
                 std::span<const std::uint32_t> places);

 private:
  void scan(const CodedVectors& vectors, std::size_t first, std::size_t count,
            const std::int64_t* rows);
  bool may_be_kept(float score) const {
    // NaN may: it comes of numbers that are not finite, whose exact score decides.
    return !best_.is_full() || !(score + scorer_.error() < best_.least_score());
  }
  void offer(const CodedVectors& vectors, std::size_t number, std::size_t row, float score);

  const QueryScorer& scorer_;
  const RowFilter& filter_;
  TopPassages& best_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ROW_SCAN_H_
