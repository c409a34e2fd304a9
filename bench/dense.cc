// The dense index at scale: from a query's vector to its passages, through tombstones, filter and
// RocksDB. Peer: faiss-cpu with an index of the same kind, the same number of lists and of probes,
// which returns numbers of rows (bench/peers/dense.py).
//
//   bench_dense build FOLDER ROWS   writes vectors, queries, true neighbours and a store
//   bench_dense search FOLDER       measures searches
//   bench_dense open FOLDER         measures the opening, and memory after searches
//
// Vectors have clusters of clusters: [rows, 384] in FOLDER/vectors.f32, and queries of the same
// kind in FOLDER/queries.f32. FOLDER/truth.i64 has for each query the rows, of those that were not
// deleted, that are its true 10 nearest.
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "bench/measure.h"
#include "bench/process_memory.h"
#include "retriever/dense_index.h"
#include "store/store.h"

namespace {

namespace fs = std::filesystem;
using tandem::PassageId;

constexpr std::size_t kDimension = 384;
constexpr std::size_t kNearest = 10;
constexpr std::size_t kQueries = 1000;
constexpr std::size_t kTrueQueries = 200;  // the first ones; to have them for all takes minutes
constexpr std::size_t kPassagesPerDocument = 1000;
constexpr std::size_t kDocumentsPerDeleted = 100;
constexpr int kManyClients = 8;

// Clusters of clusters in kLatent dimensions, turned into all by a random matrix, with a little
// noise in each: vectors of texts have fewer degrees of freedom than numbers, too.
class Clusters {
 public:
  explicit Clusters(std::size_t rows) {
    for (std::size_t i = 0; i < kLatent; ++i) turn_.push_back(normal(kDimension, 1));
    const auto count = static_cast<std::size_t>(std::sqrt(static_cast<double>(rows)));
    const std::size_t parents = std::max<std::size_t>(1, count / 16);
    for (std::size_t i = 0; i < count; ++i) {
      // The first ones are the centers of the others' centers.
      centers_.push_back(normal(kLatent, i < parents ? 1 : 0.7F));
      if (i >= parents) add(centers_.back(), centers_[random_() % parents], 1);
    }
  }
  // A unit vector.
  std::vector<float> next() {
    auto latent = normal(kLatent, 0.7F);
    add(latent, centers_[random_() % centers_.size()], 1);
    auto vector = normal(kDimension, 0.5F);
    for (std::size_t i = 0; i < kLatent; ++i) add(vector, turn_[i], latent[i]);
    float square = 0;
    for (const float value : vector) square += value * value;
    for (float& value : vector) value /= std::sqrt(square);
    return vector;
  }

 private:
  static constexpr std::size_t kLatent = 32;

  // Sums of four uniform numbers: near enough to normal ones, and quick.
  std::vector<float> normal(std::size_t dimension, float deviation) {
    std::vector<float> vector(dimension);
    for (float& value : vector) {
      const auto bits = random_();
      float sum = -2;
      for (int i = 0; i < 4; ++i) sum += static_cast<float>(bits >> 16 * i & 0xFFFF) / 65536.0F;
      value = sum * std::sqrt(3.0F) * deviation;
    }
    return vector;
  }
  static void add(std::vector<float>& vector, const std::vector<float>& other, float factor) {
    for (std::size_t i = 0; i < vector.size(); ++i) vector[i] += factor * other[i];
  }

  std::mt19937_64 random_{20'240'229};
  std::vector<std::vector<float>> turn_;  // [kLatent, kDimension]
  std::vector<std::vector<float>> centers_;
};

template <typename T>
void write_values(std::ofstream& file, const std::vector<T>& values) {
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(T)));
}

template <typename T>
std::vector<T> read_values(const fs::path& path) {
  const std::string bytes = tandem::read_file(path);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(values.data()));
  return values;
}

bool is_deleted(std::size_t row) {
  return row / kPassagesPerDocument % kDocumentsPerDeleted == kDocumentsPerDeleted / 2;
}

// Row r becomes the passage with the id r + 1.
void fill_store(tandem::Store& store, tandem::DenseIndex& index, const float* vectors,
                std::size_t rows) {
  for (std::size_t begin = 0; begin < rows; begin += kPassagesPerDocument) {
    const std::size_t count = std::min(kPassagesPerDocument, rows - begin);
    tandem::Document document;
    document.id = "d" + std::to_string(begin);
    document.collection = tandem::kDefaultCollection;
    std::vector<tandem::Passage> passages(count);
    for (std::size_t i = 0; i < count; ++i) {
      passages[i].text = "passage " + std::to_string(begin + i);
      passages[i].begin = document.text.size();
      document.text += passages[i].text;
      passages[i].end = document.text.size();
    }
    const std::span<const float> of_document(vectors + begin * kDimension, count * kDimension);
    const auto change = store.put_document(document, passages, of_document, {});
    index.add(document.collection, change.added, of_document);
  }
}

void delete_some(tandem::Store& store, tandem::DenseIndex& index, std::size_t rows) {
  for (std::size_t begin = 0; begin < rows; begin += kPassagesPerDocument) {
    if (!is_deleted(begin)) continue;
    index.remove(
        tandem::kDefaultCollection,
        store.delete_document(tandem::kDefaultCollection, "d" + std::to_string(begin)).removed);
  }
}

void write_truth(const fs::path& path, const std::vector<float>& queries, const float* vectors,
                 std::size_t rows) {
  // More than are wanted, since deleted ones are among them.
  constexpr std::size_t kFound = 4 * kNearest;
  std::vector<float> scores(kTrueQueries * kFound);
  std::vector<std::int64_t> found(scores.size());
  faiss::knn_inner_product(queries.data(), vectors, kDimension, kTrueQueries, rows, kFound,
                           scores.data(), found.data());
  std::vector<std::int64_t> truth;
  for (std::size_t query = 0; query < kTrueQueries; ++query) {
    std::size_t count = 0;
    for (std::size_t i = query * kFound; i < (query + 1) * kFound && count < kNearest; ++i) {
      if (is_deleted(static_cast<std::size_t>(found[i]))) continue;
      truth.push_back(found[i]);
      ++count;
    }
    TANDEM_CHECK(count == kNearest);
  }
  std::ofstream file(path, std::ios::binary);
  write_values(file, truth);
}

void build(const fs::path& folder, std::size_t rows) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  Clusters clusters(rows);
  std::vector<float> queries;
  {
    std::ofstream file(folder / "vectors.f32", std::ios::binary);
    for (std::size_t row = 0; row < rows; ++row) write_values(file, clusters.next());
    for (std::size_t i = 0; i < kQueries; ++i) {
      const auto query = clusters.next();
      queries.insert(queries.end(), query.begin(), query.end());
    }
    std::ofstream query_file(folder / "queries.f32", std::ios::binary);
    write_values(query_file, queries);
  }
  const tandem::MappedFile file(folder / "vectors.f32");
  const auto* vectors = reinterpret_cast<const float*>(file.bytes().data());
  write_truth(folder / "truth.i64", queries, vectors, rows);

  const auto store = tandem::Store::open(folder / "store");
  tandem::StoreSettings settings;
  settings.encoder_id = "synthetic";
  settings.dimension = kDimension;
  store->set_settings(settings);
  const auto index = tandem::DenseIndex::open(*store);
  const tandem::bench::Stopwatch filling;
  fill_store(*store, *index, vectors, rows);
  std::cerr << "filled in " << filling.seconds() << " s\n";
  const tandem::bench::Stopwatch settling;
  index->settle();
  std::cerr << "settled after " << settling.seconds() << " s more\n";
  delete_some(*store, *index, rows);
  index->settle();
}

// The path of a question without its encoding: see Retriever::search.
std::size_t search(const tandem::Store& store, const tandem::DenseIndex& index,
                   std::span<const float> query, const tandem::PassageSet* allowed) {
  std::vector<PassageId> ids;
  for (const auto& hit : index.search(tandem::kDefaultCollection, query, kNearest, allowed)) {
    ids.push_back(hit.id);
  }
  std::size_t found = 0;
  for (const auto& passage : store.get_passages(ids)) found += passage.has_value() ? 1 : 0;
  return found;
}

struct Latencies {
  double median_ms;
  double p99_ms;
};

// Each of `clients` threads searches for all queries, beginning elsewhere than the others.
template <typename Search>
Latencies measure_latencies(int clients, std::size_t queries, const Search& search_one) {
  std::vector<std::vector<double>> times(static_cast<std::size_t>(clients));
  std::vector<std::thread> threads;
  for (std::size_t client = 0; client < times.size(); ++client) {
    threads.emplace_back([&, client] {
      for (std::size_t i = 0; i < queries; ++i) {
        const tandem::bench::Stopwatch watch;
        search_one((i + client * queries / times.size()) % queries);
        times[client].push_back(1000 * watch.seconds());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& some : times) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  return {all[all.size() / 2], all[all.size() * 99 / 100]};
}

tandem::PassageSet random_set(std::size_t rows, std::size_t every) {
  std::mt19937_64 random(1);
  std::set<PassageId> ids;
  while (ids.size() < rows / every) {
    const std::size_t row = random() % rows;
    if (!is_deleted(row)) ids.insert(row + 1);
  }
  std::vector<tandem::PassageRange> ranges;
  for (const PassageId id : ids) ranges.push_back({id, id + 1});
  return tandem::PassageSet(ranges);
}

class Searcher {
 public:
  explicit Searcher(const fs::path& folder)
      : queries_(read_values<float>(folder / "queries.f32")),
        store_(tandem::Store::open(folder / "store", {.read_only = true})),
        index_(tandem::DenseIndex::open(*store_, {.write_segments = false})) {}

  std::span<const float> query(std::size_t i) const {
    return std::span(queries_).subspan(i * kDimension, kDimension);
  }
  std::size_t search_for(std::size_t i, const tandem::PassageSet* allowed = nullptr) const {
    return search(*store_, *index_, query(i), allowed);
  }
  double recall(const fs::path& truth_file) const {
    const auto truth = read_values<std::int64_t>(truth_file);
    std::size_t right = 0;
    for (std::size_t i = 0; i < kTrueQueries; ++i) {
      const auto begin = truth.begin() + static_cast<std::ptrdiff_t>(i * kNearest);
      for (const auto& hit : index_->search(tandem::kDefaultCollection, query(i), kNearest)) {
        right += static_cast<std::size_t>(
            std::count(begin, begin + kNearest, static_cast<std::int64_t>(hit.id) - 1));
      }
    }
    return static_cast<double>(right) / static_cast<double>(truth.size());
  }

 private:
  std::vector<float> queries_;
  std::unique_ptr<tandem::Store> store_;
  std::unique_ptr<tandem::DenseIndex> index_;
};

void measure_searches(const fs::path& folder) {
  const Searcher searcher(folder);
  const std::size_t rows = fs::file_size(folder / "vectors.f32") / sizeof(float) / kDimension;
  const tandem::PassageSet thousandth = random_set(rows, 1000);
  const tandem::PassageSet tenth = random_set(rows, 10);
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    const auto plain = [&](std::size_t i) { searcher.search_for(i); };
    const auto filtered = [&](const tandem::PassageSet& allowed) {
      return [&](std::size_t i) { TANDEM_CHECK(searcher.search_for(i, &allowed) == kNearest); };
    };
    const auto one = measure_latencies(1, kQueries, plain);
    const auto many = measure_latencies(kManyClients, kQueries, plain);
    return {{"1 client (median), ms", one.median_ms},
            {"1 client (99 of 100), ms", one.p99_ms},
            {"8 clients (median), ms", many.median_ms},
            {"8 clients (99 of 100), ms", many.p99_ms},
            {"10 of a filter of 0.1 % (median), ms",
             measure_latencies(1, kQueries, filtered(thousandth)).median_ms},
            {"10 of a filter of 10 % (median), ms",
             measure_latencies(1, kQueries, filtered(tenth)).median_ms},
            {"recall of 10, share", searcher.recall(folder / "truth.i64")}};
  });
}

void measure_opening(const fs::path& folder) {
  tandem::bench::answer_measurements([&]() -> tandem::bench::Figures {
    const tandem::bench::Stopwatch opening;
    const Searcher searcher(folder);
    const double seconds = opening.seconds();
    for (std::size_t i = 0; i < kQueries; ++i) searcher.search_for(i);
    return {{"opening, s", seconds},
            {"resident after 1,000 searches, MiB", tandem::bench::mebibytes("VmRSS")}};
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  if (mode == "build" && argc == 4) {
    build(argv[2], std::stoul(argv[3]));
  } else if (mode == "search") {
    measure_searches(argv[2]);
  } else if (mode == "open") {
    measure_opening(argv[2]);
  } else {
    std::cerr << "usage: bench_dense build FOLDER ROWS | search FOLDER | open FOLDER\n";
    return 2;
  }
}
