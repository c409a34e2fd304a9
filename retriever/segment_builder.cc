#include "retriever/segment_builder.h"

#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <faiss/impl/ScalarQuantizer.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/error.h"
#include "retriever/graph_builder.h"
#include "retriever/neighbour_graph.h"
#include "retriever/sealed_rows.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockRows = 4096;
constexpr int kIterations = 8;
constexpr std::size_t kTrainingRowsPerList = 32;
constexpr std::size_t kQuantizerRows = 65'536;  // from which ranges are taken
// FAISS's k-means initialises itself by the same seed, so that equal rows make equal segments.
constexpr unsigned kSeed = 1234;
constexpr std::size_t kSampleQueries = 256;
constexpr std::size_t kNearest = 100;
// Of the sample, which is easier than real questions: these lie further from everything.
constexpr double kRecall = 0.99;
// What a graph cannot find so is not worth the time.
constexpr std::size_t kMaxBreadth = 1024;

// Spherical k-means, [lists, dimension].
std::vector<float> train_centroids(const SealedRows& rows, std::size_t lists, std::mt19937& random,
                                   const std::function<bool()>& stop) {
  const std::vector<float> training =
      rows.gather(rows.sample(lists * kTrainingRowsPerList, random));
  const auto dimension = static_cast<int>(rows.dimension());
  faiss::ClusteringParameters parameters;
  parameters.spherical = true;
  // One at a time, so that it can be interrupted.
  parameters.niter = 1;
  parameters.min_points_per_centroid = 1;
  parameters.max_points_per_centroid = static_cast<int>(2 * kTrainingRowsPerList);
  parameters.seed = static_cast<int>(kSeed);
  faiss::Clustering clustering(dimension, static_cast<int>(lists), parameters);
  faiss::IndexFlatIP index(dimension);
  for (int i = 0; i < kIterations; ++i) {
    if (stop()) throw BuildStopped();
    index.reset();
    clustering.train(static_cast<faiss::Index::idx_t>(training.size() / rows.dimension()),
                     training.data(), index);
  }
  return std::move(clustering.centroids);
}

// Where everything is: list_of_row and, list by list, the row of each entry.
struct Lists {
  std::size_t count = 0;
  std::vector<float> centroids;
  std::vector<std::int64_t> list_of_row;
  std::vector<std::uint64_t> ends;
  std::vector<std::int64_t> entries;
  std::vector<std::uint32_t> places;
};

Lists make_lists(const SealedRows& rows, std::mt19937& random, const std::function<bool()>& stop) {
  Lists lists;
  lists.count = std::max<std::size_t>(
      1, static_cast<std::size_t>(2 * std::sqrt(static_cast<double>(rows.size()))));
  lists.count = std::min(lists.count, rows.size());
  lists.centroids = train_centroids(rows, lists.count, random, stop);
  lists.list_of_row.resize(rows.size());
  std::vector<float> scores(kBlockRows);
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlockRows) {
    if (stop()) throw BuildStopped();
    faiss::knn_inner_product(rows.vector(begin), lists.centroids.data(), rows.dimension(),
                             std::min(kBlockRows, rows.size() - begin), lists.count, 1,
                             scores.data(), lists.list_of_row.data() + begin);
  }
  lists.ends.resize(lists.count);
  for (std::int64_t& list : lists.list_of_row) {
    list = std::max<std::int64_t>(list, 0);  // -1 where no score is a number
    ++lists.ends[static_cast<std::size_t>(list)];
  }
  std::vector<std::uint64_t> next(lists.count);
  for (std::size_t list = 1; list < lists.count; ++list) {
    next[list] = lists.ends[list - 1];
    lists.ends[list] += lists.ends[list - 1];
  }
  lists.entries.resize(rows.size());
  lists.places.resize(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::uint64_t place = next[static_cast<std::size_t>(lists.list_of_row[row])]++;
    lists.entries[place] = static_cast<std::int64_t>(row);
    lists.places[row] = static_cast<std::uint32_t>(place);
  }
  return lists;
}

// Some rows as queries, and their true neighbours.
struct Sample {
  std::vector<std::size_t> rows;
  std::vector<float> queries;  // [rows, dimension]
  std::vector<std::vector<std::size_t>>
      nearest;  // of each: best first, at most kNearest, not itself
};

// Exact, a block of rows at a time.
Sample take_sample(const SealedRows& rows, std::mt19937& random,
                   const std::function<bool()>& stop) {
  Sample sample;
  sample.rows = rows.sample(kSampleQueries, random);
  sample.queries = rows.gather(sample.rows);
  const std::size_t nearest_count = std::min(kNearest + 1, rows.size());
  std::vector<TopPassages> nearest(sample.rows.size(), TopPassages(nearest_count));
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlockRows) {
    if (stop()) throw BuildStopped();
    const std::size_t count = std::min(kBlockRows, rows.size() - begin);
    const std::size_t k = std::min(nearest_count, count);
    std::vector<float> scores(sample.rows.size() * k);
    std::vector<std::int64_t> found(scores.size());
    faiss::knn_inner_product(sample.queries.data(), rows.vector(begin), rows.dimension(),
                             sample.rows.size(), count, k, scores.data(), found.data());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i] >= 0) {
        nearest[i / k].offer(begin + static_cast<std::size_t>(found[i]), scores[i]);
      }
    }
  }
  for (std::size_t i = 0; i < nearest.size(); ++i) {
    auto& others = sample.nearest.emplace_back();
    for (const ScoredPassage& neighbour : nearest[i].take()) {
      if (neighbour.id != sample.rows[i] && others.size() < kNearest)
        others.push_back(neighbour.id);
    }
  }
  return sample;
}

// How many of the lists nearest to a query hold kRecall of its nearest 10 rows, and of its nearest
// 100.
std::array<std::size_t, 2> measure_lists(const SealedRows& rows, const Lists& lists,
                                         const Sample& sample) {
  // For each true neighbour, the place of its list among those nearest to the query.
  std::vector<std::size_t> needed_10;
  std::vector<std::size_t> needed_100;
  std::vector<float> scores(lists.count);
  for (std::size_t i = 0; i < sample.rows.size(); ++i) {
    faiss::fvec_inner_products_ny(scores.data(), sample.queries.data() + i * rows.dimension(),
                                  lists.centroids.data(), rows.dimension(), lists.count);
    for (std::size_t rank = 0; rank < sample.nearest[i].size(); ++rank) {
      const float score =
          scores[static_cast<std::size_t>(lists.list_of_row[sample.nearest[i][rank]])];
      const auto before =
          std::count_if(scores.begin(), scores.end(), [&](float other) { return other > score; });
      if (rank < 10) needed_10.push_back(static_cast<std::size_t>(before) + 1);
      needed_100.push_back(static_cast<std::size_t>(before) + 1);
    }
  }
  const auto quantile = [](std::vector<std::size_t>& needed) -> std::size_t {
    if (needed.empty()) return 1;
    const auto at = static_cast<std::ptrdiff_t>(kRecall * static_cast<double>(needed.size() - 1));
    std::nth_element(needed.begin(), needed.begin() + at, needed.end());
    return needed[static_cast<std::size_t>(at)];
  };
  return {quantile(needed_10), quantile(needed_100)};
}

// How broad a walk must be to find kRecall of a query's nearest 10 rows, and of its nearest 100.
std::array<std::size_t, 2> measure_breadths(const SealedRows& rows, const NeighbourGraph& graph,
                                            const Sample& sample,
                                            const std::function<bool()>& stop) {
  const RowFilter all{rows.ids()};
  const auto recall = [&](std::size_t count, std::size_t breadth) {
    std::size_t right = 0;
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < sample.rows.size(); ++i) {
      if (stop()) throw BuildStopped();
      const std::span query(sample.queries.data() + i * rows.dimension(), rows.dimension());
      const QueryScorer scorer(VectorCoding::kFloat, {}, 0, query);
      // A real query has no links that lead to its neighbours.
      auto found = graph.search(scorer, reinterpret_cast<const std::uint8_t*>(rows.vector(0)), all,
                                breadth, static_cast<std::uint32_t>(sample.rows[i]));
      found.resize(std::min(found.size(), count));
      const auto& nearest = sample.nearest[i];
      for (std::size_t rank = 0; rank < std::min(count, nearest.size()); ++rank) {
        right += std::find(found.begin(), found.end(), nearest[rank]) != found.end() ? 1 : 0;
        ++wanted;
      }
    }
    return wanted == 0 ? 1 : static_cast<double>(right) / static_cast<double>(wanted);
  };
  std::array<std::size_t, 2> breadths{};
  std::size_t breadth = 10;
  for (const std::size_t which : {0, 1}) {
    const std::size_t count = which == 0 ? 10 : kNearest;
    breadth = std::max(breadth, count);
    while (breadth < kMaxBreadth && recall(count, breadth) < kRecall) breadth += breadth / 4 + 1;
    breadths[which] = breadth;
  }
  return breadths;
}

float longest(const SealedRows& rows) {
  float square = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    square = std::max(square, faiss::fvec_norm_L2sqr(rows.vector(row), rows.dimension()));
  }
  // A number that JSON has.
  return std::isfinite(square) ? std::sqrt(square) : std::numeric_limits<float>::max();
}

enum class Half { kCode, kRest };

// Of each vector its code, or its rest; in the order of `row_of(entry)`.
template <typename RowOf>
void write_vectors(SegmentWriter& writer, const SealedRows& rows, VectorCoding coding, Half half,
                   const faiss::ScalarQuantizer& quantizer, const RowOf& row_of,
                   const std::function<bool()>& stop) {
  std::vector<std::size_t> block;
  for (std::size_t begin = 0; begin < rows.size(); begin += block.size()) {
    if (stop()) throw BuildStopped();
    block.resize(std::min(kBlockRows, rows.size() - begin));
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = row_of(begin + i);
    const std::vector<float> vectors = rows.gather(block);
    if (coding == VectorCoding::kSplit) {
      std::vector<std::uint16_t> codes(vectors.size());
      std::vector<std::int16_t> rests(vectors.size());
      split_floats(vectors, codes, rests);
      if (half == Half::kCode) {
        writer.write_values(std::span<const std::uint16_t>(codes));
      } else {
        writer.write_values(std::span<const std::int16_t>(rests));
      }
    } else {
      std::vector<std::uint8_t> codes(block.size() * quantizer.code_size);
      quantizer.compute_codes(vectors.data(), codes.data(), block.size());
      writer.write_values(std::span<const std::uint8_t>(codes));
    }
  }
}

faiss::ScalarQuantizer make_quantizer(VectorCoding coding, std::size_t dimension) {
  return {dimension, coding == VectorCoding::kHalf ? faiss::ScalarQuantizer::QT_fp16
                                                   : faiss::ScalarQuantizer::QT_8bit};
}

}  // namespace

SegmentLayout layout_of(IndexKind kind, std::size_t rows, std::size_t large_from) {
  if (rows < std::max<std::size_t>(large_from, 1)) return {};
  switch (kind) {
    case IndexKind::kFlat:
      return {};
    case IndexKind::kAuto:
    case IndexKind::kIvf:
      return {.lists = true};
    case IndexKind::kIvfHalf:
      return {.lists = true, .coding = VectorCoding::kHalf};
    case IndexKind::kIvfByte:
      return {.lists = true, .coding = VectorCoding::kByte};
    case IndexKind::kGraph:
      return {.graph = true};
    case IndexKind::kGraphByte:
      return {.graph = true, .coding = VectorCoding::kByte};
  }
  return {};
}

SegmentLayout layout_of(const SegmentShape& shape) {
  return {shape.lists > 0, shape.degree > 0, shape.coding};
}

std::unique_ptr<Segment> build_segment(const Store& store, const fs::path& folder,
                                       const SegmentPlan& plan, const SegmentOrigin& origin,
                                       const std::function<bool()>& stop) {
  fs::create_directories(folder);
  const SealedRows rows(store, folder / (plan.name.stem() + ".rows"), plan.collection, plan.name,
                        origin, stop);

  const SegmentLayout layout = layout_of(plan.kind, rows.size(), plan.large_from);
  SegmentShape shape;
  shape.coding = layout.coding;
  shape.dimension = origin.dimension;
  shape.rows = rows.size();
  shape.length = longest(rows);
  std::mt19937 random(kSeed);
  Lists lists;
  std::vector<std::uint32_t> links;
  if (layout.lists) {
    lists = make_lists(rows, random, stop);
    shape.lists = lists.count;
    shape.efforts = measure_lists(rows, lists, take_sample(rows, random, stop));
  } else if (layout.graph) {
    links = build_graph(rows, stop);
    shape.degree = kGraphDegree;
    shape.efforts = measure_breadths(rows, NeighbourGraph(links, kGraphDegree),
                                     take_sample(rows, random, stop), stop);
  }
  faiss::ScalarQuantizer quantizer;
  if (shape.coding == VectorCoding::kHalf || shape.coding == VectorCoding::kByte) {
    quantizer = make_quantizer(shape.coding, shape.dimension);
  }
  if (shape.coding == VectorCoding::kByte) {
    const auto training = rows.gather(rows.sample(kQuantizerRows, random));
    quantizer.train(training.size() / shape.dimension, training.data());
  }

  SegmentWriter writer(folder, plan.name);
  const auto write_section = [&]<typename T>(Section section, const std::vector<T>& values) {
    writer.begin(section);
    writer.write_values(std::span<const T>(values));
  };
  writer.begin(Section::kIds);
  writer.write_values(rows.ids());
  write_section(Section::kCentroids, lists.centroids);
  write_section(Section::kListEnds, lists.ends);
  write_section(Section::kEntries, lists.entries);
  write_section(Section::kPlaces, lists.places);
  write_section(Section::kRanges, quantizer.trained);
  write_section(Section::kLinks, links);
  const auto row_of = [&](std::size_t entry) {
    return lists.count > 0 ? static_cast<std::size_t>(lists.entries[entry]) : entry;
  };
  writer.begin(Section::kCodes);
  write_vectors(writer, rows, shape.coding, Half::kCode, quantizer, row_of, stop);
  writer.begin(Section::kRests);
  if (shape.coding == VectorCoding::kSplit) {
    write_vectors(writer, rows, shape.coding, Half::kRest, quantizer, row_of, stop);
  }
  writer.publish(shape, origin);
  return std::make_unique<Segment>(folder, plan.name, origin);
}

}  // namespace tandem
