// Which rows of a part of the index a search may return.
#ifndef TANDEM_RETRIEVER_ROW_FILTER_H_
#define TANDEM_RETRIEVER_ROW_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "retriever/passage_set.h"

namespace tandem {

// Eight rows a byte, the first in the lowest bit.
using Bits = std::vector<std::uint8_t>;

// A view of what a search and its snapshot hold.
struct RowFilter {
  std::span<const std::int64_t> ids;    // of the rows
  const Bits* live = nullptr;           // null: all are
  const PassageSet* allowed = nullptr;  // null: all are

  bool is_live(std::size_t row) const {
    return live == nullptr || ((*live)[row / 8] >> row % 8 & 1) != 0;
  }
  bool admits(std::size_t row) const {
    return is_live(row) &&
           (allowed == nullptr || allowed->contains(static_cast<PassageId>(ids[row])));
  }
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ROW_FILTER_H_
