// The kinds of index that are not exact: what they promise all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "tests/retriever/index_fixture.h"

namespace tandem {
namespace {

using testing::DenseIndexTest;
using testing::inner_product;
using testing::kDimension;
using testing::random_set;
using testing::random_unit_vector;

constexpr std::size_t kClusters = 40;

class ApproximateIndexTest : public DenseIndexTest,
                             public ::testing::WithParamInterface<IndexKind> {
 protected:
  ApproximateIndexTest() {
    for (std::size_t i = 0; i < kClusters; ++i) centers_.push_back(random_unit_vector(random_));
    options_ = {.segment_capacity = 500, .large_from = 1000, .kind = GetParam()};
    open_index();
  }

  std::vector<float> next_vector() override {
    std::vector<float> vector = centers_[random_() % kClusters];
    const auto noise = random_unit_vector(random_);
    double square = 0;
    for (std::size_t i = 0; i < kDimension; ++i) {
      vector[i] += 0.6F * noise[i];
      square += vector[i] * vector[i];
    }
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(square));
    return vector;
  }

  double tolerance() const {
    switch (GetParam()) {
      case IndexKind::kIvfByte:
      case IndexKind::kGraphByte:
        return 0.05;
      case IndexKind::kIvfHalf:
        return 1e-3;
      default:
        return 1e-6;
    }
  }

  // What holds for each single search; returns the share of the true nearest that was found.
  double check_search(std::size_t k, const PassageSet* allowed = nullptr) {
    const auto& vectors = expected_[kDefaultCollection];
    const auto query = next_vector();
    std::vector<std::pair<double, PassageId>> best;
    for (const auto& [id, vector] : vectors) {
      if (allowed == nullptr || allowed->contains(id)) {
        best.emplace_back(-inner_product(query, vector), id);
      }
    }
    std::sort(best.begin(), best.end());
    best.resize(std::min(k, best.size()));
    const auto found = index_->search(kDefaultCollection, query, k, allowed);
    EXPECT_EQ(found.size(), best.size());
    std::size_t right = 0;
    std::vector<PassageId> ids;
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_TRUE(i == 0 || found[i - 1].score >= found[i].score);
      EXPECT_TRUE(allowed == nullptr || allowed->contains(found[i].id));
      if (!vectors.contains(found[i].id)) {
        ADD_FAILURE() << found[i].id << " was deleted";
        continue;
      }
      EXPECT_NEAR(found[i].score, inner_product(query, vectors.at(found[i].id)), tolerance());
      ids.push_back(found[i].id);
      right += found[i].score >= -best.back().first - tolerance() ? 1 : 0;
    }
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end()) << "an id came twice";
    return best.empty() ? 1 : static_cast<double>(right) / static_cast<double>(best.size());
  }
  double recall(std::size_t k, const PassageSet* allowed = nullptr) {
    double sum = 0;
    for (int i = 0; i < 50; ++i) sum += check_search(k, allowed);
    return sum / 50;
  }
  PassageId last_id() { return expected_[kDefaultCollection].rbegin()->first; }
  std::string descriptions() {
    std::string all;
    for (const auto& path : files(".json")) all += read_file(path);
    return all;
  }

  std::vector<std::vector<float>> centers_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, ApproximateIndexTest,
                         ::testing::Values(IndexKind::kAuto, IndexKind::kIvf, IndexKind::kIvfHalf,
                                           IndexKind::kIvfByte, IndexKind::kGraph,
                                           IndexKind::kGraphByte),
                         [](const auto& param) {
                           std::string name(to_string(param.param));
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(ApproximateIndexTest, FindsNearlyAllOfTheNearest) {
  put("big", 5000);
  index_->settle();
  const bool graph = GetParam() == IndexKind::kGraph || GetParam() == IndexKind::kGraphByte;
  EXPECT_THAT(descriptions(), ::testing::HasSubstr(graph ? "\"degree\": 32" : "\"lists\": 141"));
  EXPECT_GE(recall(10), 0.97);
  EXPECT_GE(recall(100), 0.97);
  open_index();
  EXPECT_GE(recall(10), 0.97);
  EXPECT_EQ(index_->search(kDefaultCollection, next_vector(), SIZE_MAX).size(), 5000u);
}

TEST_P(ApproximateIndexTest, FiltersAreAppliedInsideTheSearch) {
  put("big", 5000);
  index_->settle();
  // From sets that are scanned to sets that are tested for each row.
  for (const double share : {0.001, 0.01, 0.1, 0.3, 0.7, 1.0}) {
    for (const PassageId run : {1, 20}) {
      const PassageSet some = random_set(random_, last_id(), share, run);
      EXPECT_GE(recall(10, &some), 0.95) << share << " in runs of " << run;
    }
  }
  // All of one place, which the lists near a query seldom hold.
  const PassageSet contiguous{std::vector<PassageRange>{{2000, 4000}}};
  EXPECT_GE(recall(10, &contiguous), 0.95);
  const PassageSet none;
  EXPECT_EQ(recall(10, &none), 1);
}

TEST_P(ApproximateIndexTest, DeletedPassagesAreNotFoundAndNotMissed) {
  for (int i = 0; i < 50; ++i) put("d" + std::to_string(i), 100);
  index_->settle();
  for (int i = 0; i < 50; i += 3) erase("d" + std::to_string(i));
  EXPECT_GE(recall(10), 0.95);
  const PassageSet some = random_set(random_, last_id(), 0.3, 5);
  EXPECT_GE(recall(10, &some), 0.95);
  open_index();
  EXPECT_GE(recall(10), 0.95);
}

TEST_P(ApproximateIndexTest, RandomWritesAndReopenings) {
  for (int step = 0; step < 150; ++step) {
    const std::string id = "d" + std::to_string(random_() % 25);
    if (random_() % 4 > 0) {
      put(id, random_() % 300);
    } else {
      erase(id);
    }
    if (random_() % 40 == 0) open_index();
    if (random_() % 40 == 0) index_->settle();
    if (step % 10 == 9) {
      EXPECT_EQ(index_->size(kDefaultCollection), expected_[kDefaultCollection].size());
      const PassageSet some = random_set(random_, last_id(), 0.2, 30);
      EXPECT_GE(recall(10), 0.9);
      EXPECT_GE(recall(10, &some), 0.9);
    }
  }
}

TEST_P(ApproximateIndexTest, AnotherKindMakesSegmentsAgain) {
  put("big", 3000);
  index_->settle();
  const std::string before = descriptions();
  options_.kind.reset();
  open_index();
  index_->settle();
  EXPECT_EQ(descriptions(), before) << "the kind is remembered";
  options_.kind = IndexKind::kFlat;
  open_index();
  index_->settle();
  EXPECT_THAT(descriptions(), ::testing::HasSubstr("\"lists\": 0"));
  EXPECT_THAT(descriptions(), ::testing::HasSubstr("\"degree\": 0"));
  expect_all_exact();
}

// Wherever a bit is wrong in the file, the answer is right after it was noticed.
TEST_P(ApproximateIndexTest, DamageIsNoticedWhereverItIs) {
  put("big", 1200);
  index_->settle();
  for (int i = 0; i <= 12; ++i) {
    const auto path = files(".segment").at(0);
    index_.reset();
    std::string content = read_file(path);
    content[static_cast<std::size_t>(i * static_cast<double>(content.size() - 1) / 12)] ^= 0x10;
    std::ofstream(path, std::ios::binary) << content;
    ::testing::internal::CaptureStderr();
    open_index();
    // Until then it may be wrong, but leads nowhere.
    EXPECT_EQ(index_->search(kDefaultCollection, next_vector(), 10).size(), 10u);
    index_->settle();
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                ::testing::HasSubstr(path.stem().string()));
    EXPECT_GE(recall(10), 0.95);
  }
}

}  // namespace
}  // namespace tandem
