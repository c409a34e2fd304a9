#include "retriever/segment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "retriever/neighbour_graph.h"

namespace tandem {
namespace {

// Of a row that is not admitted, in comparisons of a row with the query.
constexpr double kCostOfPassingOver = 1.0 / 4;

// The lists of a segment from the nearest centroid on, sorted only as far as they are asked for.
class ListOrder {
 public:
  ListOrder(std::span<const std::uint16_t> centroids, std::span<const float> query)
      : scores_(centroids.size() / query.size()), lists_(scores_.size()) {
    QueryScorer(VectorCoding::kSplit, {}, 0, query)
        .score(reinterpret_cast<const std::uint8_t*>(centroids.data()), scores_);
    // Sorting needs an order, and NaN has none.
    for (float& score : scores_) {
      if (std::isnan(score)) score = -std::numeric_limits<float>::infinity();
    }
    std::iota(lists_.begin(), lists_.end(), std::size_t{0});
  }

  // The next `count` lists, fewer if there are no more.
  std::span<const std::size_t> next(std::size_t count) {
    count = std::min(count, lists_.size() - given_);
    const auto begin = lists_.begin() + static_cast<std::ptrdiff_t>(given_);
    std::partial_sort(begin, begin + static_cast<std::ptrdiff_t>(count), lists_.end(),
                      [&](std::size_t a, std::size_t b) {
                        return scores_[a] != scores_[b] ? scores_[a] > scores_[b] : a < b;
                      });
    const std::span<const std::size_t> found(&*begin, count);
    given_ += count;
    return found;
  }

 private:
  std::vector<float> scores_;
  std::vector<std::size_t> lists_;
  std::size_t given_ = 0;
};

}  // namespace

Segment::Segment(const std::filesystem::path& folder, const SegmentName& name,
                 const SegmentOrigin& origin)
    : file_(folder, name, origin), ids_(file_.section<std::int64_t>(Section::kIds)) {
  const auto centroids = file_.section<float>(Section::kCentroids);
  centroids_.resize(centroids.size());
  std::vector<std::int16_t> rests(centroids.size());
  split_floats(centroids, centroids_, rests);
}

QueryScorer Segment::scorer_of(std::span<const float> query) const {
  const SegmentShape& shape = file_.shape();
  return {shape.coding, file_.section<float>(Section::kRanges), shape.length, query};
}

CodedVectors Segment::vectors() const {
  const auto rests = file_.section<std::uint8_t>(Section::kRests);
  return {file_.section<std::uint8_t>(Section::kCodes).data(),
          rests.empty() ? nullptr : rests.data()};
}

std::size_t Segment::effort_for(double k) const {
  // Between and beyond the two measurements, a power law: a straight line over logarithms.
  const SegmentShape& shape = file_.shape();
  const double least = static_cast<double>(std::max<std::size_t>(shape.efforts[0], 1));
  const double growth = std::max(static_cast<double>(shape.efforts[1]) / least, 1.0);
  const double wanted = least * std::pow(growth, std::log10(std::max(k, 10.0) / 10));
  const std::size_t most = shape.lists > 0 ? shape.lists : std::max<std::size_t>(shape.rows, 1);
  return static_cast<std::size_t>(std::clamp(std::ceil(wanted), 1.0, static_cast<double>(most)));
}

std::size_t Segment::rows_to_offer(std::size_t k) const {
  const SegmentShape& shape = file_.shape();
  const std::size_t most = shape.rows / 2;
  const std::size_t effort = effort_for(static_cast<double>(k));
  if (shape.lists > 0) return std::min(2 * shape.rows * effort / shape.lists, most);
  if (shape.degree == 0) return most;
  // A walk passes over what is not admitted, and so takes longer the less that is: where the
  // filter admits a share s of the rows, 1 / s times as long, and all of these are s times all
  // rows.
  const NeighbourGraph graph(file_.section<std::uint32_t>(Section::kLinks), shape.degree);
  const double walk = static_cast<double>(graph.rows_per_search(std::max(effort, k)));
  return std::min(static_cast<std::size_t>(std::sqrt(walk * static_cast<double>(shape.rows))),
                  most);
}

void Segment::search(std::span<const float> query, std::size_t k, const RowFilter& filter,
                     std::size_t admitted, TopPassages& best) const {
  const SegmentShape& shape = file_.shape();
  k = std::min(k, shape.rows);
  if (k == 0) return;
  const QueryScorer scorer = scorer_of(query);
  if (shape.lists > 0) return search_lists(scorer, query, filter, admitted, k, best);
  RowScan scan(scorer, filter, best);
  if (shape.degree > 0) {
    const std::vector<std::uint32_t> rows = walk(scorer, filter, k);
    if (rows.size() >= k) return scan.offer_all(vectors(), rows, {});
  }
  scan.scan_all(vectors());
}

void Segment::search_lists(const QueryScorer& scorer, std::span<const float> query,
                           const RowFilter& filter, std::size_t admitted, std::size_t k,
                           TopPassages& best) const {
  const SegmentShape& shape = file_.shape();
  const auto ends = file_.section<std::uint64_t>(Section::kListEnds);
  const auto entries = file_.section<std::int64_t>(Section::kEntries);
  ListOrder order(centroids_, query);
  TopPassages found(k);  // of this segment alone: it decides how far to look
  RowScan scan(scorer, filter, found);
  // The nearest k of a tenth of the rows are among the nearest 10 k of all, more or less.
  const double share = static_cast<double>(admitted) / static_cast<double>(shape.rows);
  std::size_t lists = effort_for(static_cast<double>(k) / share);
  // Where clusters end, that is too little. Rows that are not admitted are quickly passed over, so
  // that up to three times what an unfiltered search takes reaches much further.
  const double affordable = (1 + 2 * (1 - share)) / (share + kCostOfPassingOver);
  lists =
      std::max(lists, static_cast<std::size_t>(
                          affordable * static_cast<double>(effort_for(static_cast<double>(k)))));
  for (std::size_t done = 0; done < shape.lists && (done == 0 || !found.is_full()); lists = done) {
    for (const std::size_t list : order.next(lists)) {
      const std::uint64_t begin = list == 0 ? 0 : ends[list - 1];
      scan.scan(vectors(), begin, entries.subspan(begin, ends[list] - begin));
      ++done;
    }
  }
  best.offer(found.take());
}

std::vector<std::uint32_t> Segment::walk(const QueryScorer& scorer, const RowFilter& filter,
                                         std::size_t k) const {
  const SegmentShape& shape = file_.shape();
  const NeighbourGraph graph(file_.section<std::uint32_t>(Section::kLinks), shape.degree);
  const std::size_t breadth = std::max(effort_for(static_cast<double>(k)), k);
  if (2 * graph.rows_per_search(breadth) > shape.rows) return {};
  return graph.search(scorer, vectors().codes, filter, breadth);
}

void Segment::offer_all(std::span<const float> query, std::span<const std::uint32_t> rows,
                        TopPassages& best) const {
  const QueryScorer scorer = scorer_of(query);
  const RowFilter all{ids_};
  RowScan(scorer, all, best)
      .offer_all(vectors(), rows, file_.section<std::uint32_t>(Section::kPlaces));
}

}  // namespace tandem
