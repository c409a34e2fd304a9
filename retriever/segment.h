// A sealed segment: vectors of a collection that do not change any more, searched where they lie in
// a mapped file.
//
// Small ones are flat, which is exact. Large ones are inverted files (Sivic and Zisserman 2003, as
// in FAISS): k-means parts the vectors into lists, and a search looks through those whose centroids
// are nearest to the query. How many that takes was measured on the segment's own vectors when it
// was made.
#ifndef TANDEM_RETRIEVER_SEGMENT_H_
#define TANDEM_RETRIEVER_SEGMENT_H_

#include <faiss/IndexIVFFlat.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/ScalarQuantizer.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

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

  // Offers the k best rows of those that `selector` admits: all of them, if it is null. `admitted`
  // is about how many these are, at least 1: the fewer, the more lists are looked through, and in
  // any case until k were found or all lists seen.
  void search(std::span<const float> query, std::size_t k, const faiss::IDSelector* selector,
              std::size_t admitted, TopPassages& best) const;
  // Offers all of `rows`.
  void score_rows(std::span<const float> query, std::span<const std::uint32_t> rows,
                  TopPassages& best) const;
  // About how many rows search() compares with the query when it may return any.
  std::size_t rows_per_search(std::size_t k) const;

 private:
  std::size_t probes_for(double k) const;
  std::unique_ptr<faiss::InvertedListScanner> make_scanner(const faiss::IDSelector* selector) const;

  SegmentFile file_;
  std::span<const std::int64_t> ids_;
  std::span<const std::uint8_t> codes_;
  // Hold no vectors: they know how to compare a query with codes.
  faiss::IndexIVFFlat float_coding_;
  faiss::ScalarQuantizer quantizer_;
};

// Offers the exact k best of `vectors` [ids, dimension] that `selector` admits, all if it is null.
// k is from 1 to the number of ids.
void offer_nearest(std::span<const float> query, const float* vectors,
                   std::span<const std::int64_t> ids, std::size_t k,
                   const faiss::IDSelector* selector, TopPassages& best);

// The quantiser of a coding that is not kFloat.
faiss::ScalarQuantizer make_quantizer(VectorCoding coding, std::size_t dimension);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEGMENT_H_
