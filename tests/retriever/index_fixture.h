// An index over a store, beside a plain map of what should be in it.
#ifndef TANDEM_TESTS_RETRIEVER_INDEX_FIXTURE_H_
#define TANDEM_TESTS_RETRIEVER_INDEX_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <random>

#include "retriever/dense_index.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem::testing {

inline constexpr std::size_t kDimension = 24;
using Vectors = std::map<PassageId, std::vector<float>>;

inline std::vector<float> random_unit_vector(std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(kDimension);
  double square = 0;
  for (float& value : vector) {
    value = normal(random);
    square += static_cast<double>(value) * value;
  }
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(square));
  return vector;
}

inline double inner_product(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// The search against all inner products in double precision. Places may be swapped only where float
// cannot tell the scores apart.
inline void expect_exact(const DenseIndex& index, const std::string& collection,
                         const Vectors& vectors, std::span<const float> query, std::size_t k,
                         const PassageSet* allowed = nullptr) {
  std::vector<double> best;
  for (const auto& [id, vector] : vectors) {
    if (allowed == nullptr || allowed->contains(id)) best.push_back(inner_product(query, vector));
  }
  std::sort(best.begin(), best.end(), std::greater());
  best.resize(std::min(k, best.size()));
  const auto found = index.search(collection, query, k, allowed);
  ASSERT_EQ(found.size(), best.size());
  std::vector<PassageId> ids;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_TRUE(vectors.contains(found[i].id)) << found[i].id;
    EXPECT_TRUE(allowed == nullptr || allowed->contains(found[i].id)) << found[i].id;
    EXPECT_NEAR(inner_product(query, vectors.at(found[i].id)), best[i], 1e-6);
    EXPECT_NEAR(found[i].score, best[i], 1e-6);
    ids.push_back(found[i].id);
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end()) << "an id came twice";
}

// A set of about `share` of the ids up to `last`, in runs of `run`.
inline PassageSet random_set(std::mt19937& random, PassageId last, double share, PassageId run) {
  std::vector<PassageRange> ranges;
  for (PassageId begin = 1; begin <= last; begin += run) {
    if (std::uniform_real_distribution<>()(random) < share) ranges.push_back({begin, begin + run});
  }
  return PassageSet(ranges);
}

class DenseIndexTest : public ::testing::Test {
 protected:
  DenseIndexTest() {
    open_store();
    open_index();
  }
  void TearDown() override {
    if (HasFailure()) std::printf("seed %u\n", seed_);
  }

  void open_store(const std::string& encoder_id = "encoder-1") {
    index_.reset();
    store_.reset();
    store_ = Store::open(folder_.path());
    StoreSettings settings = sample_settings(encoder_id);
    settings.dimension = kDimension;
    store_->set_settings(settings);
  }
  // The old one is closed first: one process, and one index, writes to a store.
  void open_index() {
    index_.reset();
    index_ = DenseIndex::open(*store_, options_);
  }

  void put(const std::string& id, std::uint32_t passages,
           const std::string& collection = kDefaultCollection) {
    auto sample = make_sample(id, 1, passages, collection);
    sample.vectors.clear();
    for (std::uint32_t i = 0; i < passages; ++i) {
      const auto vector = next_vector();
      sample.vectors.insert(sample.vectors.end(), vector.begin(), vector.end());
    }
    const auto change = testing::put(*store_, sample);
    index_->add(collection, change.added, sample.vectors);
    index_->remove(collection, change.removed);
    auto& expected = expected_[collection];
    for (std::size_t i = 0; i < passages; ++i) {
      const auto begin = sample.vectors.begin() + static_cast<std::ptrdiff_t>(i * kDimension);
      expected[change.added[i]].assign(begin, begin + kDimension);
    }
    for (const PassageId removed : change.removed) expected.erase(removed);
  }
  virtual std::vector<float> next_vector() { return random_unit_vector(random_); }
  void erase(const std::string& id, const std::string& collection = kDefaultCollection) {
    const auto change = store_->delete_document(collection, id);
    index_->remove(collection, change.removed);
    for (const PassageId removed : change.removed) expected_[collection].erase(removed);
  }
  void expect_all_exact() {
    for (const auto& [collection, vectors] : expected_) {
      EXPECT_EQ(index_->size(collection), vectors.size());
      for (const std::size_t k : {1, 5, 100, 1000}) {
        expect_exact(*index_, collection, vectors, random_unit_vector(random_), k);
      }
      const PassageId last = vectors.empty() ? 1 : vectors.rbegin()->first + 10;
      for (const double share : {0.0, 0.05, 0.6, 1.0}) {
        const PassageSet some = random_set(random_, last, share, 1 + random_() % 9);
        expect_exact(*index_, collection, vectors, random_unit_vector(random_), 7, &some);
      }
    }
  }
  std::filesystem::path segments(const std::string& collection = kDefaultCollection) const {
    return folder_.path() / "segments" / collection;
  }
  std::vector<std::filesystem::path> files(const std::string& extension) const {
    std::vector<std::filesystem::path> paths;
    if (!std::filesystem::exists(segments())) return paths;
    for (const auto& entry : std::filesystem::directory_iterator(segments())) {
      if (entry.path().extension() == extension) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  const unsigned seed_ = std::random_device()();
  std::mt19937 random_{seed_};
  TemporaryFolder folder_;
  DenseIndexOptions options_{.segment_capacity = 50};
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::map<std::string, Vectors> expected_;
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_RETRIEVER_INDEX_FIXTURE_H_
