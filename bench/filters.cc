// Ten of 200,000 passages under a filter, beside the same search without one: what a filter adds to
// a search, from the filter to the ids of passages.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "retriever/attribute_index.h"
#include "retriever/dense_index.h"

namespace {

constexpr std::size_t kDocuments = 4000;
constexpr std::size_t kPassages = 50;  // of each document
constexpr std::size_t kDimension = 384;
constexpr int kQueries = 21;

std::vector<float> random_vectors(std::size_t count, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> vectors(count * kDimension);
  for (std::size_t row = 0; row < count; ++row) {
    float square = 0;
    float* vector = &vectors[row * kDimension];
    for (std::size_t i = 0; i < kDimension; ++i) {
      vector[i] = normal(random);
      square += vector[i] * vector[i];
    }
    for (std::size_t i = 0; i < kDimension; ++i) vector[i] /= std::sqrt(square);
  }
  return vectors;
}

void fill(const std::filesystem::path& folder) {
  const auto store = tandem::Store::open(folder);
  tandem::StoreSettings settings;
  settings.encoder_id = "random";
  settings.dimension = kDimension;
  store->set_settings(settings);
  std::mt19937 random(1);
  const std::vector<tandem::Passage> passages(kPassages);
  for (std::size_t i = 0; i < kDocuments; ++i) {
    tandem::Document document;
    document.id = "document-" + std::to_string(i);
    document.collection = tandem::kDefaultCollection;
    document.attributes = {{"thousandth", static_cast<double>(i % 1000)}, {"half", i % 2 == 0}};
    store->put_document(document, passages, random_vectors(kPassages, random), {});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: bench_filters STORE\n";
    return 2;
  }
  using tandem::Filter;
  using tandem::FilterType;
  if (!std::filesystem::exists(argv[1])) fill(argv[1]);
  const auto store = tandem::Store::open(argv[1], {.read_only = true});
  const auto index = tandem::DenseIndex::open(*store, {.write_segments = false});
  const tandem::AttributeIndex attributes(*store);
  std::mt19937 random(2);

  const auto median = [](std::vector<double>& latencies) {
    std::nth_element(latencies.begin(), latencies.begin() + kQueries / 2, latencies.end());
    return latencies[kQueries / 2];
  };
  tandem::bench::answer_measurements_of_both([&] {
    tandem::bench::FiguresOfBoth figures;
    const auto add = [&](const std::string& name, const auto& make_filter) {
      std::vector<double> latencies[2];
      for (int i = 0; i < kQueries; ++i) {
        const std::vector<float> query = random_vectors(1, random);
        const Filter filter = make_filter();
        const bool turn = i % 2 == 0;  // who comes first
        for (const bool with_filter : {turn, !turn}) {
          const tandem::bench::Stopwatch time;
          std::shared_ptr<const tandem::PassageSet> allowed;
          if (with_filter) allowed = attributes.select(tandem::kDefaultCollection, filter);
          const auto found = index->search(tandem::kDefaultCollection, query, 10, allowed.get());
          latencies[with_filter].push_back(1000 * time.seconds());
          if (found.size() != 10) std::exit(1);
        }
      }
      figures.tandem[name + ", ms"] = median(latencies[true]);
      figures.peer[name + ", ms"] = median(latencies[false]);
    };
    Filter thousandth{FilterType::kEqual, "thousandth", {7.0}, {}};
    Filter half{FilterType::kEqual, "half", {true}, {}};
    add("10 of a filter that selects 0.1 %", [&] { return thousandth; });
    add("10 of a filter that selects 50 %", [&] { return half; });
    // Never the same one twice, so that each is evaluated.
    add("10 of a new filter that selects 0.1 %", [&] {
      const Filter other{FilterType::kEqual, "$id", {std::to_string(random())}, {}};
      return Filter{FilterType::kOr, "", {}, {other, thousandth}};
    });
    return figures;
  });
}
