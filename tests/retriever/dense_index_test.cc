#include "retriever/dense_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "base/file.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDimension = 24;
using Vectors = std::map<PassageId, std::vector<float>>;

std::vector<float> random_unit_vector(std::mt19937& random) {
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

double inner_product(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// The search against all inner products in double precision. Places may be swapped only where float
// cannot tell the scores apart.
void expect_exact(const DenseIndex& index, const std::string& collection, const Vectors& vectors,
                  std::span<const float> query, std::size_t k) {
  std::vector<double> best;
  for (const auto& [id, vector] : vectors) best.push_back(inner_product(query, vector));
  std::sort(best.begin(), best.end(), std::greater());
  best.resize(std::min(k, best.size()));
  const auto found = index.search(collection, query, k);
  ASSERT_EQ(found.size(), best.size());
  std::vector<PassageId> ids;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_TRUE(vectors.contains(found[i].id)) << found[i].id;
    EXPECT_NEAR(inner_product(query, vectors.at(found[i].id)), best[i], 1e-6);
    EXPECT_NEAR(found[i].score, best[i], 1e-6);
    ids.push_back(found[i].id);
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end()) << "an id came twice";
}

class DenseIndexTest : public ::testing::Test {
 protected:
  DenseIndexTest() {
    SCOPED_TRACE("seed " + std::to_string(seed_));
    open_store();
    open_index();
  }
  void TearDown() override {
    if (HasFailure()) std::cout << "seed " << seed_ << "\n";
  }

  void open_store(const std::string& encoder_id = "encoder-1") {
    index_.reset();
    store_.reset();
    store_ = Store::open(folder_.path());
    StoreSettings settings = testing::sample_settings(encoder_id);
    settings.dimension = kDimension;
    store_->set_settings(settings);
  }
  void open_index() { index_ = DenseIndex::open(*store_, options_); }

  void put(const std::string& id, std::uint32_t passages,
           const std::string& collection = kDefaultCollection) {
    auto sample = testing::make_sample(id, 1, passages, collection);
    sample.vectors.clear();
    for (std::uint32_t i = 0; i < passages; ++i) {
      const auto vector = random_unit_vector(random_);
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
    }
  }
  fs::path segments(const std::string& collection = kDefaultCollection) const {
    return folder_.path() / "segments" / collection;
  }
  std::vector<fs::path> files(const std::string& extension) const {
    std::vector<fs::path> paths;
    if (!fs::exists(segments())) return paths;
    for (const auto& entry : fs::directory_iterator(segments())) {
      if (entry.path().extension() == extension) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  const unsigned seed_ = std::random_device()();
  std::mt19937 random_{seed_};
  testing::TemporaryFolder folder_;
  DenseIndexOptions options_{.segment_capacity = 50};
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::map<std::string, Vectors> expected_;
};

TEST_F(DenseIndexTest, AnEmptyStoreHasAnEmptyIndex) {
  EXPECT_EQ(index_->size(kDefaultCollection), 0u);
  EXPECT_TRUE(index_->search(kDefaultCollection, random_unit_vector(random_), 5).empty());
}

TEST_F(DenseIndexTest, FindsExactlyTheNearest) {
  put("a", 30);
  expect_all_exact();  // growing only
  for (int i = 0; i < 20; ++i) put("d" + std::to_string(i), 7);
  expect_all_exact();  // sealed and growing
  EXPECT_FALSE(files(".faiss").empty());
  put("big", 333);  // several segments in one call
  expect_all_exact();
}

TEST_F(DenseIndexTest, KIsClippedAndZeroIsNothing) {
  put("a", 3);
  const auto query = random_unit_vector(random_);
  EXPECT_EQ(index_->search(kDefaultCollection, query, SIZE_MAX).size(), 3u);
  EXPECT_TRUE(index_->search(kDefaultCollection, query, 0).empty());
}

TEST_F(DenseIndexTest, EqualScoresComeInOrderOfId) {
  const auto vector = random_unit_vector(random_);
  for (PassageId id = 1; id <= 120; ++id) {
    index_->add(kDefaultCollection, {&id, 1}, vector);
  }
  const auto found = index_->search(kDefaultCollection, vector, 120);
  ASSERT_EQ(found.size(), 120u);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].id, i + 1);
}

TEST_F(DenseIndexTest, DeletedPassagesAreNotFound) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  for (int i = 0; i < 30; i += 3) erase("d" + std::to_string(i));
  expect_all_exact();
  erase("d1");
  erase("unknown");
  index_->remove(kDefaultCollection, std::vector<PassageId>{0, 9999, UINT64_MAX});
  index_->remove("unknown", std::vector<PassageId>{1});
  expect_all_exact();
  for (int i = 0; i < 30; ++i) erase("d" + std::to_string(i));
  EXPECT_EQ(index_->size(kDefaultCollection), 0u);
  expect_all_exact();
}

TEST_F(DenseIndexTest, ReplacedDocumentsAreFoundByTheirNewVectorsOnly) {
  for (int round = 0; round < 40; ++round) put("d" + std::to_string(round % 7), 4);
  expect_all_exact();
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, CollectionsDoNotMix) {
  put("a", 60, "one");
  put("a", 70, "two");
  expect_all_exact();
  erase("a", "one");
  expect_all_exact();
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, ReopeningReadsSegmentsAndReplaysTheRest) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  const auto before = files(".faiss");
  EXPECT_EQ(before.size(), 3u);
  put("late", 3);
  erase("d0");   // of a sealed segment
  erase("d29");  // of the growing one
  open_index();
  EXPECT_EQ(files(".faiss"), before);
  expect_all_exact();
  put("later", 60);
  expect_all_exact();
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, ASegmentThatIsMostlyDeletedIsMadeAnew) {
  for (int i = 0; i < 20; ++i) put("d" + std::to_string(i), 5);
  ASSERT_EQ(files(".faiss").size(), 2u);
  for (int i = 0; i < 8; ++i) erase("d" + std::to_string(i));
  open_index();
  expect_all_exact();
  EXPECT_EQ(files(".faiss").size(), 1u);
}

// What may be wrong with the files, each with how it is brought about.
struct Damage {
  const char* name;
  std::function<void(const fs::path& faiss, const fs::path& json)> inflict;
};

class DamagedSegmentTest : public DenseIndexTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedSegmentTest, IsMadeAgainFromTheStore) {
  for (const std::size_t which : {0, 1, 2}) {
    for (int i = 0; i < 34; ++i) put("d" + std::to_string(i), 5);
    open_index();
    const auto faiss = files(".faiss");
    ASSERT_GE(faiss.size(), 3u);
    fs::path json = faiss[which];
    json.replace_extension(".json");
    GetParam().inflict(faiss[which], json);
    open_index();
    expect_all_exact();
    // Nothing is left of what was wrong: another opening has nothing to complain of.
    EXPECT_EQ(files(".faiss").size(), files(".json").size());
    ::testing::internal::CaptureStderr();
    open_index();
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    expect_all_exact();
  }
}

void change_file(const fs::path& path, const std::function<void(std::string&)>& change) {
  std::string content = read_file(path);
  change(content);
  std::ofstream(path, std::ios::binary) << content;
}

void replace_in_file(const fs::path& path, const std::string& from, const std::string& to) {
  change_file(path, [&](std::string& content) {
    ASSERT_NE(content.find(from), std::string::npos);
    content.replace(content.find(from), from.size(), to);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamagedSegmentTest,
    ::testing::Values(
        Damage{"Missing", [](const auto& faiss, const auto&) { fs::remove(faiss); }},
        Damage{"WithoutDescription", [](const auto&, const auto& json) { fs::remove(json); }},
        Damage{"Truncated", [](const auto& faiss,
                               const auto&) { fs::resize_file(faiss, fs::file_size(faiss) / 2); }},
        Damage{"Empty", [](const auto& faiss, const auto&) { fs::resize_file(faiss, 0); }},
        Damage{"FlippedByte",
               [](const auto& faiss, const auto&) {
                 change_file(faiss, [](std::string& s) { s[s.size() / 2] ^= 1; });
               }},
        Damage{
            "OfAnotherEncoder",
            [](const auto&, const auto& json) { replace_in_file(json, "encoder-1", "encoder-2"); }},
        Damage{"OfAnotherStore",
               [](const auto&, const auto& json) {
                 change_file(json, [](std::string& s) {
                   const auto at = s.find("\"store\": \"") + 10;
                   s[at] = s[at] == 'a' ? 'b' : 'a';
                 });
               }},
        Damage{"DescriptionNotJson",
               [](const auto&, const auto& json) {
                 change_file(json, [](std::string& s) { s = "{\"version\":"; });
               }},
        Damage{"DescriptionOfOtherTypes",
               [](const auto&, const auto& json) {
                 change_file(json, [](std::string& s) { s = "{\"version\": \"one\"}"; });
               }},
        Damage{"Newer",
               [](const auto&, const auto& json) {
                 replace_in_file(json, "\"version\": 1", "\"version\": 2");
               }},
        Damage{"LeftHalfWritten",
               [](const auto& faiss, const auto&) {
                 std::ofstream(faiss.string() + ".tmp") << "half";
               }}),
    [](const auto& param) { return param.param.name; });

TEST_F(DenseIndexTest, SegmentsThatDisagreeWithTheStoreAreMadeAgain) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  // As if the database, but not the segments, came out of an older backup.
  const fs::path kept = folder_.path() / "kept";
  fs::copy(segments(), kept);
  for (int i = 0; i < 30; ++i) erase("d" + std::to_string(i));
  for (int i = 0; i < 30; ++i) put("e" + std::to_string(i), 4);
  fs::remove_all(segments());
  fs::copy(kept, segments());
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, AnotherEncoderMakesAllSegmentsAgain) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  open_store("encoder-2");
  open_index();
  expect_all_exact();
  for (const auto& path : files(".json")) {
    EXPECT_NE(read_file(path).find("encoder-2"), std::string::npos);
  }
}

TEST_F(DenseIndexTest, ReadersWriteNothing) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  fs::remove_all(segments());
  const auto reader = Store::open(folder_.path(), {.read_only = true});
  DenseIndexOptions options = options_;
  options.write_segments = false;
  const auto index = DenseIndex::open(*reader, options);
  EXPECT_FALSE(fs::exists(segments()));
  expect_exact(*index, kDefaultCollection, expected_[kDefaultCollection],
               random_unit_vector(random_), 10);
}

TEST_F(DenseIndexTest, AFolderThatCannotBeWrittenOnlyCostsTheCache) {
  std::ofstream(folder_.path() / "segments") << "a file where a folder should be";
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  expect_all_exact();
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, RandomWritesAndReopeningsStayExact) {
  for (int step = 0; step < 300; ++step) {
    const std::string id = "d" + std::to_string(random_() % 25);
    if (random_() % 4 > 0) {
      put(id, random_() % 8);
    } else {
      erase(id);
    }
    if (random_() % 50 == 0) open_index();
    if (step % 20 == 0) expect_all_exact();
  }
  expect_all_exact();
}

// Most telling under the thread sanitizer.
TEST_F(DenseIndexTest, SearchesRunWhilePassagesComeAndGo) {
  const auto anchor = random_unit_vector(random_);
  const PassageId anchor_id = 1;
  index_->add(kDefaultCollection, {&anchor_id, 1}, anchor);
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      std::mt19937 random(static_cast<unsigned>(reader));
      while (!done) {
        const auto found = index_->search(kDefaultCollection, anchor, 10);
        ASSERT_FALSE(found.empty());
        EXPECT_EQ(found[0].id, anchor_id);
        EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                                   [](const auto& a, const auto& b) { return a.score > b.score; }));
        index_->search(kDefaultCollection, random_unit_vector(random), 3);
        index_->size(kDefaultCollection);
      }
    });
  }
  PassageId next = 2;
  for (int round = 0; round < 100; ++round) {
    std::vector<PassageId> ids;
    std::vector<float> vectors;
    for (int i = 0; i < 5; ++i) {
      ids.push_back(next++);
      const auto vector = random_unit_vector(random_);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
    }
    index_->add(kDefaultCollection, ids, vectors);
    const auto found = index_->search(kDefaultCollection, {vectors.data(), kDimension}, 1);
    EXPECT_EQ(found[0].id, ids[0]) << "visible once add returned";
    if (round % 2 == 0) {
      index_->remove(kDefaultCollection, ids);
      const auto after = index_->search(kDefaultCollection, {vectors.data(), kDimension}, 1);
      EXPECT_NE(after[0].id, ids[0]) << "gone once remove returned";
    }
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(index_->size(kDefaultCollection), 251u);
}

}  // namespace
}  // namespace tandem
