#include "retriever/segment.h"

#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace tandem {
namespace {

using FaissId = faiss::Index::idx_t;

// Of a row that is not admitted, in comparisons of a row with the query.
constexpr double kCostOfPassingOver = 1.0 / 4;

// The lists of a segment from the nearest centroid on, sorted only as far as they are asked for.
class ListOrder {
 public:
  ListOrder(std::span<const float> centroids, std::span<const float> query)
      : scores_(centroids.size() / query.size()), lists_(scores_.size()) {
    faiss::fvec_inner_products_ny(scores_.data(), query.data(), centroids.data(), query.size(),
                                  scores_.size());
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
  float score(std::size_t list) const { return scores_[list]; }

 private:
  std::vector<float> scores_;
  std::vector<std::size_t> lists_;
  std::size_t given_ = 0;
};

}  // namespace

void offer_nearest(std::span<const float> query, const float* vectors,
                   std::span<const std::int64_t> ids, std::size_t k,
                   const faiss::IDSelector* selector, TopPassages& best) {
  std::vector<float> scores(k);
  std::vector<std::int64_t> rows(k);
  // With one query FAISS computes in the calling thread, which is what a server with a thread for
  // each request wants.
  faiss::knn_inner_product(query.data(), vectors, query.size(), 1, ids.size(), k, scores.data(),
                           rows.data(), selector);
  for (std::size_t i = 0; i < k; ++i) {
    // -1 where there are no more, or nothing compares as better, as with NaN.
    if (rows[i] < 0) continue;
    best.offer(static_cast<PassageId>(ids[static_cast<std::size_t>(rows[i])]), scores[i]);
  }
}

faiss::ScalarQuantizer make_quantizer(VectorCoding coding, std::size_t dimension) {
  TANDEM_CHECK(coding != VectorCoding::kFloat);
  return {dimension, coding == VectorCoding::kHalf ? faiss::ScalarQuantizer::QT_fp16
                                                   : faiss::ScalarQuantizer::QT_8bit};
}

Segment::Segment(const std::filesystem::path& folder, const SegmentName& name,
                 const SegmentOrigin& origin)
    : file_(folder, name, origin),
      ids_(file_.section<std::int64_t>(Section::kIds)),
      codes_(file_.section<std::uint8_t>(Section::kCodes)) {
  const SegmentShape& shape = file_.shape();
  float_coding_.d = static_cast<int>(shape.dimension);
  float_coding_.metric_type = faiss::METRIC_INNER_PRODUCT;
  if (shape.coding == VectorCoding::kFloat) return;
  quantizer_ = make_quantizer(shape.coding, shape.dimension);
  const auto ranges = file_.section<float>(Section::kRanges);
  quantizer_.trained.assign(ranges.begin(), ranges.end());
}

std::size_t Segment::probes_for(double k) const {
  // Between and beyond the two measurements, a power law: a straight line over logarithms.
  const auto& probes = file_.shape().probes;
  const double least = static_cast<double>(std::max<std::size_t>(probes[0], 1));
  const double growth = std::max(static_cast<double>(probes[1]) / least, 1.0);
  const double wanted = least * std::pow(growth, std::log10(std::max(k, 10.0) / 10));
  return static_cast<std::size_t>(
      std::clamp(std::ceil(wanted), 1.0, static_cast<double>(file_.shape().lists)));
}

std::size_t Segment::rows_per_search(std::size_t k) const {
  const SegmentShape& shape = file_.shape();
  if (shape.lists == 0) return shape.rows;
  return shape.rows * probes_for(static_cast<double>(k)) / shape.lists;
}

std::unique_ptr<faiss::InvertedListScanner> Segment::make_scanner(
    const faiss::IDSelector* selector) const {
  return std::unique_ptr<faiss::InvertedListScanner>(
      file_.shape().coding == VectorCoding::kFloat
          ? float_coding_.get_InvertedListScanner(false, selector)
          : quantizer_.select_InvertedListScanner(faiss::METRIC_INNER_PRODUCT, nullptr, false,
                                                  selector, false));
}

void Segment::search(std::span<const float> query, std::size_t k, const faiss::IDSelector* selector,
                     std::size_t admitted, TopPassages& best) const {
  const SegmentShape& shape = file_.shape();
  k = std::min(k, shape.rows);
  if (k == 0) return;
  if (shape.lists == 0) {
    const auto vectors = file_.section<float>(Section::kCodes);
    return offer_nearest(query, vectors.data(), ids_, k, selector, best);
  }

  const auto ends = file_.section<std::uint64_t>(Section::kListEnds);
  const auto entries = file_.section<std::int64_t>(Section::kEntries);
  const auto scanner = make_scanner(selector);
  scanner->set_query(query.data());
  std::vector<float> scores(k, -std::numeric_limits<float>::infinity());
  std::vector<FaissId> rows(k, -1);  // a heap with the worst at its front, -1 where it has none
  ListOrder order(file_.section<float>(Section::kCentroids), query);
  // The nearest k of a tenth of the rows are among the nearest 10 k of all, more or less.
  const double share = static_cast<double>(admitted) / static_cast<double>(shape.rows);
  std::size_t probes = probes_for(static_cast<double>(k) / share);
  // Where clusters end, that is too little. Rows that are not admitted are quickly passed over, so
  // that up to three times what an unfiltered search takes reaches much further.
  const double affordable = (1 + 2 * (1 - share)) / (share + kCostOfPassingOver);
  probes =
      std::max(probes, static_cast<std::size_t>(
                           affordable * static_cast<double>(probes_for(static_cast<double>(k)))));
  for (std::size_t done = 0; done < shape.lists && (done == 0 || rows[0] < 0); probes = done) {
    for (const std::size_t list : order.next(probes)) {
      const std::uint64_t begin = list == 0 ? 0 : ends[list - 1];
      scanner->set_list(static_cast<FaissId>(list), order.score(list));
      scanner->scan_codes(ends[list] - begin, codes_.data() + begin * shape.code_bytes(),
                          entries.data() + begin, scores.data(), rows.data(), k);
      ++done;
    }
  }
  for (std::size_t i = 0; i < k; ++i) {
    if (rows[i] >= 0) {
      best.offer(static_cast<PassageId>(ids_[static_cast<std::size_t>(rows[i])]), scores[i]);
    }
  }
}

void Segment::score_rows(std::span<const float> query, std::span<const std::uint32_t> rows,
                         TopPassages& best) const {
  const auto places = file_.section<std::uint32_t>(Section::kPlaces);
  const std::size_t code_bytes = file_.shape().code_bytes();
  const auto scanner = make_scanner(nullptr);
  scanner->set_query(query.data());
  scanner->set_list(0, 0);
  for (const std::uint32_t row : rows) {
    const std::size_t place = places.empty() ? row : places[row];
    best.offer(static_cast<PassageId>(ids_[row]),
               scanner->distance_to_code(codes_.data() + place * code_bytes));
  }
}

}  // namespace tandem
