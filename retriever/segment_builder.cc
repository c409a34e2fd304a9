#include "retriever/segment_builder.h"

#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockRows = 4096;
constexpr int kIterations = 8;
constexpr std::size_t kTrainingRowsPerList = 32;
// FAISS's k-means initialises itself by the same seed, so that equal rows make equal segments.
constexpr unsigned kSeed = 1234;
constexpr std::size_t kSampleQueries = 256;
constexpr std::size_t kNearest = 100;
// Of the sample, which is easier than real questions: these lie further from everything.
constexpr double kRecall = 0.99;

// The live vectors of an interval of ids. They lie in a file that has no name any more, so that
// they take memory only as far as the system can spare it.
class Rows {
 public:
  Rows(const Store& store, const fs::path& temporary, const SegmentPlan& plan,
       const SegmentOrigin& origin, const std::function<bool()>& stop)
      : dimension_(origin.dimension) {
    {
      std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
      store.for_each_vector(origin.vectors, plan.collection, plan.name.after, plan.name.last,
                            [&](PassageId id, std::span<const float> vector) {
                              if (ids_.size() % kBlockRows == 0 && stop()) throw BuildStopped();
                              ids_.push_back(static_cast<std::int64_t>(id));
                              file.write(reinterpret_cast<const char*>(vector.data()),
                                         static_cast<std::streamsize>(vector.size_bytes()));
                            });
      file.close();
      if (!file) {
        throw Error(ErrorCode::kResourceExhausted, "cannot write " + temporary.string(),
                    "free some disk space");
      }
    }
    vectors_ = MappedFile(temporary);
    TANDEM_CHECK(vectors_.bytes().size() == ids_.size() * dimension_ * sizeof(float));
  }

  std::size_t size() const { return ids_.size(); }
  std::size_t dimension() const { return dimension_; }
  std::span<const std::int64_t> ids() const { return ids_; }
  const float* vector(std::size_t row) const {
    return reinterpret_cast<const float*>(vectors_.bytes().data()) + row * dimension_;
  }
  // [rows, dimension]
  std::vector<float> gather(std::span<const std::size_t> rows) const {
    std::vector<float> gathered;
    gathered.reserve(rows.size() * dimension_);
    for (const std::size_t row : rows) {
      gathered.insert(gathered.end(), vector(row), vector(row) + dimension_);
    }
    return gathered;
  }
  // `count` different rows, or all if there are no more, by growing number.
  std::vector<std::size_t> sample(std::size_t count, std::mt19937& random) const {
    std::vector<std::size_t> rows;
    std::size_t left = std::min(count, size());
    for (std::size_t row = 0; left > 0; ++row) {
      if (random() % (size() - row) < left) {
        rows.push_back(row);
        --left;
      }
    }
    return rows;
  }

 private:
  std::size_t dimension_;
  std::vector<std::int64_t> ids_;
  MappedFile vectors_;
};

class FileRemover {
 public:
  explicit FileRemover(fs::path path) : path_(std::move(path)) {}
  ~FileRemover() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  FileRemover(const FileRemover&) = delete;
  FileRemover& operator=(const FileRemover&) = delete;

 private:
  fs::path path_;
};

// Spherical k-means, [lists, dimension].
std::vector<float> train_centroids(const Rows& rows, std::size_t lists, std::mt19937& random,
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

Lists make_lists(const Rows& rows, std::mt19937& random, const std::function<bool()>& stop) {
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

// How many of the lists nearest to a query hold kRecall of its nearest 10 rows, and of its nearest
// 100: for a sample of rows as queries, themselves left out.
std::array<std::size_t, 2> measure_probes(const Rows& rows, const Lists& lists,
                                          std::mt19937& random, const std::function<bool()>& stop) {
  const std::vector<std::size_t> sample = rows.sample(kSampleQueries, random);
  const std::vector<float> queries = rows.gather(sample);
  const std::size_t nearest_count = std::min(kNearest + 1, rows.size());
  const std::size_t dimension = rows.dimension();

  // Exact, a block of rows at a time.
  std::vector<TopPassages> nearest(sample.size(), TopPassages(nearest_count));
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlockRows) {
    if (stop()) throw BuildStopped();
    const std::size_t count = std::min(kBlockRows, rows.size() - begin);
    const std::size_t k = std::min(nearest_count, count);
    std::vector<float> scores(sample.size() * k);
    std::vector<std::int64_t> found(sample.size() * k);
    faiss::knn_inner_product(queries.data(), rows.vector(begin), dimension, sample.size(), count, k,
                             scores.data(), found.data());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i] >= 0) {
        nearest[i / k].offer(begin + static_cast<std::size_t>(found[i]), scores[i]);
      }
    }
  }

  // For each true neighbour, the place of its list among those nearest to the query.
  std::vector<std::size_t> needed_10;
  std::vector<std::size_t> needed_100;
  std::vector<float> scores(lists.count);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    faiss::fvec_inner_products_ny(scores.data(), queries.data() + i * dimension,
                                  lists.centroids.data(), dimension, lists.count);
    std::size_t rank = 0;
    for (const ScoredPassage& neighbour : nearest[i].take()) {
      if (neighbour.id == sample[i]) continue;
      const float score = scores[static_cast<std::size_t>(lists.list_of_row[neighbour.id])];
      const auto before =
          std::count_if(scores.begin(), scores.end(), [&](float other) { return other > score; });
      if (rank < 10) needed_10.push_back(static_cast<std::size_t>(before) + 1);
      if (rank < kNearest) needed_100.push_back(static_cast<std::size_t>(before) + 1);
      ++rank;
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

// Codes in the order of `row_of(entry)`.
template <typename RowOf>
void write_codes(SegmentWriter& writer, const Rows& rows, const faiss::ScalarQuantizer* quantizer,
                 const RowOf& row_of, const std::function<bool()>& stop) {
  std::vector<std::size_t> block;
  for (std::size_t begin = 0; begin < rows.size(); begin += block.size()) {
    if (stop()) throw BuildStopped();
    block.resize(std::min(kBlockRows, rows.size() - begin));
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = row_of(begin + i);
    const std::vector<float> vectors = rows.gather(block);
    if (quantizer == nullptr) {
      writer.write_values(std::span<const float>(vectors));
    } else {
      std::vector<std::uint8_t> codes(block.size() * quantizer->code_size);
      quantizer->compute_codes(vectors.data(), codes.data(), block.size());
      writer.write_values(std::span<const std::uint8_t>(codes));
    }
  }
}

}  // namespace

bool wants_lists(IndexKind kind, std::size_t rows, std::size_t lists_from) {
  return kind != IndexKind::kFlat && rows >= std::max<std::size_t>(lists_from, 1);
}

VectorCoding coding_of(IndexKind kind) {
  if (kind == IndexKind::kIvfHalf) return VectorCoding::kHalf;
  if (kind == IndexKind::kIvfByte) return VectorCoding::kByte;
  return VectorCoding::kFloat;
}

std::unique_ptr<Segment> build_segment(const Store& store, const fs::path& folder,
                                       const SegmentPlan& plan, const SegmentOrigin& origin,
                                       const std::function<bool()>& stop) {
  fs::create_directories(folder);
  const fs::path temporary = folder / (plan.name.stem() + ".rows");
  const auto rows = [&] {
    const FileRemover remover(temporary);
    return Rows(store, temporary, plan, origin, stop);
  }();

  SegmentShape shape;
  shape.dimension = origin.dimension;
  shape.rows = rows.size();
  std::mt19937 random(kSeed);
  Lists lists;
  faiss::ScalarQuantizer quantizer;
  if (wants_lists(plan.kind, rows.size(), plan.lists_from)) {
    shape.coding = coding_of(plan.kind);
    lists = make_lists(rows, random, stop);
    shape.lists = lists.count;
    shape.probes = measure_probes(rows, lists, random, stop);
    if (shape.coding != VectorCoding::kFloat) {
      quantizer = make_quantizer(shape.coding, shape.dimension);
    }
    if (shape.coding == VectorCoding::kByte) {
      const auto training = rows.gather(rows.sample(lists.count * kTrainingRowsPerList, random));
      quantizer.train(training.size() / shape.dimension, training.data());
    }
  }

  SegmentWriter writer(folder, plan.name);
  writer.begin(Section::kIds);
  writer.write_values(rows.ids());
  writer.begin(Section::kCentroids);
  writer.write_values(std::span<const float>(lists.centroids));
  writer.begin(Section::kListEnds);
  writer.write_values(std::span<const std::uint64_t>(lists.ends));
  writer.begin(Section::kEntries);
  writer.write_values(std::span<const std::int64_t>(lists.entries));
  writer.begin(Section::kPlaces);
  writer.write_values(std::span<const std::uint32_t>(lists.places));
  writer.begin(Section::kRanges);
  writer.write_values(std::span<const float>(quantizer.trained));
  writer.begin(Section::kCodes);
  const auto row_of = [&](std::size_t entry) {
    return lists.count > 0 ? static_cast<std::size_t>(lists.entries[entry]) : entry;
  };
  write_codes(writer, rows, shape.coding == VectorCoding::kFloat ? nullptr : &quantizer, row_of,
              stop);
  writer.publish(shape, origin);
  return std::make_unique<Segment>(folder, plan.name, origin);
}

}  // namespace tandem
