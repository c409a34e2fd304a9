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
#include "tests/retriever/index_fixture.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

using testing::DenseIndexTest;
using testing::expect_exact;
using testing::inner_product;
using testing::kDimension;
using testing::random_unit_vector;

TEST_F(DenseIndexTest, AnEmptyStoreHasAnEmptyIndex) {
  EXPECT_EQ(index_->size(kDefaultCollection), 0u);
  EXPECT_TRUE(index_->search(kDefaultCollection, random_unit_vector(random_), 5).empty());
}

TEST_F(DenseIndexTest, FindsExactlyTheNearest) {
  put("a", 30);
  expect_all_exact();  // growing only
  for (int i = 0; i < 20; ++i) put("d" + std::to_string(i), 7);
  expect_all_exact();  // perhaps being sealed
  index_->settle();
  EXPECT_FALSE(files(".segment").empty());
  expect_all_exact();  // sealed and growing
  put("big", 333);
  expect_all_exact();
  index_->settle();
  expect_all_exact();
}

TEST_F(DenseIndexTest, KIsClippedAndZeroIsNothing) {
  put("a", 3);
  const auto query = random_unit_vector(random_);
  EXPECT_EQ(index_->search(kDefaultCollection, query, SIZE_MAX).size(), 3u);
  EXPECT_TRUE(index_->search(kDefaultCollection, query, 0).empty());
}

TEST_F(DenseIndexTest, EqualScoresComeInOrderOfId) {
  auto sample = testing::make_sample("a", 1, 120);
  const auto vector = random_unit_vector(random_);
  sample.vectors.clear();
  for (int i = 0; i < 120; ++i) {
    sample.vectors.insert(sample.vectors.end(), vector.begin(), vector.end());
  }
  index_->add(kDefaultCollection, testing::put(*store_, sample).added, sample.vectors);
  for (const bool sealed : {false, true}) {
    if (sealed) index_->settle();
    for (const std::size_t k : {7, 120}) {
      const auto found = index_->search(kDefaultCollection, vector, k);
      ASSERT_EQ(found.size(), k);
      for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].id, i + 1);
    }
  }
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
  index_->settle();
  const auto before = files(".segment");
  EXPECT_FALSE(before.empty());
  put("late", 3);
  erase("d0");
  erase("d29");
  open_index();
  expect_all_exact();
  index_->settle();
  EXPECT_EQ(files(".segment"), before);
  put("later", 60);
  expect_all_exact();
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, SegmentsAreMergedUntilTheyAreFew) {
  for (int i = 0; i < 40; ++i) {
    put("d" + std::to_string(i), 50);
    index_->settle();
  }
  EXPECT_LE(files(".segment").size(), 4u);
  EXPECT_EQ(files(".segment").size(), files(".json").size());
  expect_all_exact();
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, ASegmentThatIsMostlyDeletedIsMadeAnew) {
  for (int i = 0; i < 20; ++i) put("d" + std::to_string(i), 10);
  index_->settle();
  const auto before = files(".segment");
  for (int i = 0; i < 14; ++i) erase("d" + std::to_string(i));
  index_->settle();
  expect_all_exact();
  EXPECT_NE(files(".segment"), before);
  std::uintmax_t bytes = 0;
  for (const auto& path : files(".segment")) bytes += fs::file_size(path);
  EXPECT_LT(bytes, 100 * (kDimension * sizeof(float) + sizeof(PassageId)));
  for (int i = 14; i < 20; ++i) erase("d" + std::to_string(i));
  index_->settle();
  expect_all_exact();
  put("new", 60);
  index_->settle();
  expect_all_exact();
  open_index();
  expect_all_exact();
}

// What may be wrong with the files, each with how it is brought about.
struct Damage {
  const char* name;
  std::function<void(const fs::path& segment, const fs::path& json)> inflict;
  bool named = true;  // the warning names the segment; false where it is as if it were not there
};

class DamagedSegmentTest : public DenseIndexTest, public ::testing::WithParamInterface<Damage> {
 protected:
  std::string warnings_of_opening() {
    ::testing::internal::CaptureStderr();
    open_index();
    index_->settle();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_P(DamagedSegmentTest, IsMadeAgainFromTheStore) {
  for (const std::size_t which : {0, 1, 2}) {
    // Each is more than twice as large as what follows.
    for (const std::uint32_t passages : {400, 150, 60}) {
      put("d" + std::to_string(passages), passages);
      index_->settle();
    }
    const auto segments = files(".segment");
    ASSERT_EQ(segments.size(), 3u);
    fs::path json = segments[which];
    json.replace_extension(".json");
    index_.reset();
    GetParam().inflict(segments[which], json);
    const std::string warnings = warnings_of_opening();
    EXPECT_EQ(warnings.find(segments[which].stem().string()) != std::string::npos, GetParam().named)
        << warnings;
    expect_all_exact();
    // Nothing is left of what was wrong: another opening has nothing to complain of.
    EXPECT_EQ(files(".segment").size(), files(".json").size());
    EXPECT_EQ(warnings_of_opening(), "");
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

void flip_byte(const fs::path& path, double where) {
  change_file(path, [&](std::string& s) {
    s[static_cast<std::size_t>(where * static_cast<double>(s.size() - 1))] ^= 1;
  });
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamagedSegmentTest,
    ::testing::Values(
        Damage{"Missing", [](const auto& segment, const auto&) { fs::remove(segment); }},
        Damage{"WithoutDescription", [](const auto&, const auto& json) { fs::remove(json); },
               false},
        Damage{"Truncated",
               [](const auto& segment, const auto&) {
                 fs::resize_file(segment, fs::file_size(segment) / 2);
               }},
        Damage{"TooLong",
               [](const auto& segment, const auto&) {
                 fs::resize_file(segment, fs::file_size(segment) + 1);
               }},
        Damage{"Empty", [](const auto& segment, const auto&) { fs::resize_file(segment, 0); }},
        Damage{"FlippedId", [](const auto& segment, const auto&) { flip_byte(segment, 0); }},
        Damage{"FlippedCode", [](const auto& segment, const auto&) { flip_byte(segment, 0.7); }},
        Damage{"FlippedLastCode", [](const auto& segment, const auto&) { flip_byte(segment, 1); }},
        Damage{"FlippedDigest",
               [](const auto&, const auto& json) {
                 change_file(json, [](std::string& s) {
                   const auto at = s.find("\"codes\": \"") + 10;
                   s[at] = s[at] == 'a' ? 'b' : 'a';
                 });
               }},
        Damage{
            "OfAnotherEncoder",
            [](const auto&, const auto& json) { replace_in_file(json, "encoder-1", "encoder-2"); }},
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
                 replace_in_file(json, "\"version\": 3", "\"version\": 4");
               }},
        Damage{"LeftHalfWritten",
               [](const auto& segment, const auto&) {
                 std::ofstream(segment.string() + ".tmp") << "half";
               },
               false}),
    [](const auto& param) { return param.param.name; });

TEST_F(DenseIndexTest, SegmentsThatDisagreeWithTheStoreAreMadeAgain) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  index_->settle();
  // As if the database, but not the segments, came out of an older backup.
  const fs::path kept = folder_.path() / "kept";
  fs::copy(segments(), kept);
  for (int i = 0; i < 30; ++i) erase("d" + std::to_string(i));
  for (int i = 0; i < 30; ++i) put("e" + std::to_string(i), 4);
  index_.reset();
  fs::remove_all(segments());
  fs::copy(kept, segments());
  open_index();
  expect_all_exact();
}

TEST_F(DenseIndexTest, SegmentsOfAnotherStoreAreNotUsed) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  index_->settle();
  const testing::TemporaryFolder other;
  {
    const auto store = Store::open(other.path());
    StoreSettings settings = testing::sample_settings("encoder-1");
    settings.dimension = kDimension;
    store->set_settings(settings);
    auto sample = testing::make_sample("a", 1, 150);
    sample.vectors.assign(150 * kDimension, 0.5F);
    testing::put(*store, sample);
  }
  fs::copy(folder_.path() / "segments", other.path() / "segments", fs::copy_options::recursive);
  const auto store = Store::open(other.path());
  const auto index = DenseIndex::open(*store, options_);
  const auto found = index->search(kDefaultCollection, std::vector<float>(kDimension, 1), 150);
  ASSERT_EQ(found.size(), 150u);
  EXPECT_FLOAT_EQ(found.back().score, 0.5F * kDimension);
}

TEST_F(DenseIndexTest, AnotherEncoderMakesAllSegmentsAgain) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  index_->settle();
  open_store("encoder-2");
  open_index();
  expect_all_exact();
  index_->settle();
  EXPECT_FALSE(files(".json").empty());
  for (const auto& path : files(".json")) {
    EXPECT_NE(read_file(path).find("encoder-2"), std::string::npos);
  }
}

TEST_F(DenseIndexTest, ReadersWriteNothing) {
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  index_.reset();
  fs::remove_all(segments());
  const auto reader = Store::open(folder_.path(), {.read_only = true});
  DenseIndexOptions options = options_;
  options.write_segments = false;
  options.kind = IndexKind::kIvf;
  const auto index = DenseIndex::open(*reader, options);
  index->settle();
  EXPECT_FALSE(fs::exists(segments()));
  EXPECT_FALSE(fs::exists(folder_.path() / "INDEX"));
  expect_exact(*index, kDefaultCollection, expected_[kDefaultCollection],
               random_unit_vector(random_), 10);
}

TEST_F(DenseIndexTest, AFolderThatCannotBeWrittenOnlyCostsTheCache) {
  std::ofstream(folder_.path() / "segments") << "a file where a folder should be";
  for (int i = 0; i < 30; ++i) put("d" + std::to_string(i), 5);
  expect_all_exact();
  index_->settle();  // returns although nothing could be done
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
  put("anchor", 1);
  const auto [anchor_id, anchor] = *expected_[kDefaultCollection].begin();
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader, id = anchor_id, query = anchor] {
      std::mt19937 random(static_cast<unsigned>(reader));
      const PassageSet some{std::vector<PassageRange>{{1, 40}, {60, 61}, {90, 200}}};
      while (!done) {
        const auto found = index_->search(kDefaultCollection, query, 10);
        ASSERT_FALSE(found.empty());
        EXPECT_EQ(found[0].id, id);
        EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                                   [](const auto& a, const auto& b) { return a.score > b.score; }));
        for (const auto& hit :
             index_->search(kDefaultCollection, random_unit_vector(random), 3, &some)) {
          EXPECT_TRUE(some.contains(hit.id));
        }
        index_->size(kDefaultCollection);
      }
    });
  }
  // As an ingestor does: one thread writes to the store and tells the index.
  for (int round = 0; round < 150; ++round) {
    const std::string id = "d" + std::to_string(round % 60);
    put(id, 5);
    const auto [last, vector] = *expected_[kDefaultCollection].rbegin();
    const auto found = index_->search(kDefaultCollection, vector, 1);
    EXPECT_EQ(found[0].id, last) << "visible once add returned";
    if (round % 3 == 0) {
      erase(id);
      const auto after = index_->search(kDefaultCollection, vector, 1);
      EXPECT_NE(after[0].id, last) << "gone once remove returned";
    }
  }
  index_->settle();
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_FALSE(files(".segment").empty());
  expect_all_exact();
}

}  // namespace
}  // namespace tandem
