// Rows that are linked to their nearest ones, searched by walking along the links towards the
// query: the lowest layer of a hierarchical navigable small world (Malkov and Yashunin 2018,
// arXiv:1603.09320).
//
// The layers above are not kept. They find where to begin; some rows from everywhere do that as
// well (Munyampirwa et al. 2024, arXiv:2412.01940).
#ifndef TANDEM_RETRIEVER_NEIGHBOUR_GRAPH_H_
#define TANDEM_RETRIEVER_NEIGHBOUR_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "retriever/query_scorer.h"
#include "retriever/row_filter.h"

namespace tandem {

// A view. Immutable; safe from any thread.
class NeighbourGraph {
 public:
  // Ends the links of a row that has fewer than others.
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // `links` is [rows, degree]; each is below the number of rows, or kNone.
  NeighbourGraph(std::span<const std::uint32_t> links, std::size_t degree)
      : links_(links), degree_(degree) {}

  std::size_t size() const { return links_.size() / degree_; }

  // Algorithm 2 of the paper: the best `breadth` rows, best first, that the walk came by and
  // `filter` admits, of codes in the order of the rows. Others are walked over all the same, but
  // for `hidden`, a row that is treated as if it were not there. Fewer where no more can be
  // reached.
  std::vector<std::uint32_t> search(const QueryScorer& scorer, const std::uint8_t* codes,
                                    const RowFilter& filter, std::size_t breadth,
                                    std::optional<std::uint32_t> hidden = std::nullopt) const;
  // About how many rows a search compares with the query.
  std::size_t rows_per_search(std::size_t breadth) const;

 private:
  std::span<const std::uint32_t> links_;
  std::size_t degree_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_NEIGHBOUR_GRAPH_H_
