#include "retriever/neighbour_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <utility>

#include "retriever/top_passages.h"

namespace tandem {
namespace {

// Where a walk begins: so many rows, or all if there are no more.
constexpr std::size_t kBeginnings = 128;

}  // namespace

std::size_t NeighbourGraph::rows_per_search(std::size_t breadth) const {
  // Half of what a row is linked to was seen before.
  return std::min(kBeginnings + breadth * degree_ / 2, size());
}

std::vector<std::uint32_t> NeighbourGraph::search(const QueryScorer& scorer,
                                                  const std::uint8_t* codes,
                                                  const RowFilter& filter, std::size_t breadth,
                                                  std::optional<std::uint32_t> hidden) const {
  std::vector<bool> seen(size());
  if (hidden) seen[*hidden] = true;
  TopPassages kept(breadth);  // by their rows
  std::priority_queue<std::pair<float, std::uint32_t>> reached;
  std::vector<std::uint32_t> rows;  // to be scored next
  std::vector<float> scores;
  const auto meet = [&](std::uint32_t row) {
    if (seen[row]) return;
    seen[row] = true;
    rows.push_back(row);
  };
  const auto score_met = [&] {
    scores.resize(rows.size());
    scorer.score(codes, rows, scores);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      // A queue needs an order, and NaN has none.
      if (std::isnan(scores[i])) scores[i] = -std::numeric_limits<float>::infinity();
      if (kept.is_full() && scores[i] < kept.least_score()) continue;
      reached.emplace(scores[i], rows[i]);
      if (filter.admits(rows[i])) kept.offer(rows[i], scores[i]);
    }
    rows.clear();
  };

  const std::size_t beginnings = std::min(kBeginnings, size());
  for (std::size_t i = 0; i < beginnings; ++i) {
    meet(static_cast<std::uint32_t>(i * size() / beginnings));
  }
  score_met();
  while (!reached.empty()) {
    const auto [score, row] = reached.top();
    reached.pop();
    if (kept.is_full() && score < kept.least_score()) break;
    for (const std::uint32_t next : links_.subspan(row * degree_, degree_)) {
      if (next == kNone) break;
      meet(next);
    }
    score_met();
  }
  std::vector<std::uint32_t> found;
  for (const auto& [kept_row, score] : kept.take()) {
    found.push_back(static_cast<std::uint32_t>(kept_row));
  }
  return found;
}

}  // namespace tandem
