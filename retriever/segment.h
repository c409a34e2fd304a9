// A sealed segment: vectors of a collection that do not change any more, searched where they lie in
// a mapped file.
//
// Small ones are flat, which is exact. Large ones are inverted files (Sivic and Zisserman 2003, as
// in FAISS): k-means parts the vectors into lists, and a search looks through those whose centroids
// are nearest to the query. How many that takes was measured on the segment's own vectors when it
// was made.
#ifndef TANDEM_RETRIEVER_SEGMENT_H_
#define TANDEM_RETRIEVER_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "retriever/row_filter.h"
#include "retriever/row_scan.h"
#include "retriever/segment_file.h"
#include "retriever/top_passages.h"

namespace tandem {

// Immutable; safe from any thread. Rows are numbered by growing passage id.
class Segment {
 public:
  // Throws as SegmentFile does.
  Segment(const std::filesystem::path& folder, const SegmentName& name,
          const SegmentOrigin& origin);

  const SegmentFile& file() const { return file_; }
  std::span<const std::int64_t> ids() const { return ids_; }

  // Offers the k best rows of those that `filter`, whose ids are this segment's, admits. `admitted`
  // is about how many these are, at least 1: the fewer, the more lists are looked through, and in
  // any case until k were found or all seen.
  void search(std::span<const float> query, std::size_t k, const RowFilter& filter,
              std::size_t admitted, TopPassages& best) const;
  // Offers all of `rows`.
  void offer_all(std::span<const float> query, std::span<const std::uint32_t> rows,
                 TopPassages& best) const;
  // Where a filter admits no more rows than this, offer_all() is exact and takes about as long as
  // search(): up to a few times what that takes for k rows without a filter.
  std::size_t rows_to_offer(std::size_t k) const;

 private:
  QueryScorer scorer_of(std::span<const float> query) const;
  CodedVectors vectors() const;
  std::size_t effort_for(double k) const;
  void search_lists(const QueryScorer& scorer, std::span<const float> query,
                    const RowFilter& filter, std::size_t admitted, std::size_t k,
                    TopPassages& best) const;
  // Candidates for the k best rows; fewer than k where to look at all rows is as quick.
  std::vector<std::uint32_t> walk(const QueryScorer& scorer, const RowFilter& filter,
                                  std::size_t k) const;

  SegmentFile file_;
  std::span<const std::int64_t> ids_;
  // What each centroid is, in half the bytes: which lists are the nearest it says well enough.
  std::vector<std::uint16_t> centroids_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEGMENT_H_
