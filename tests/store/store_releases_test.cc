#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "store/check.h"
#include "store/format.h"
#include "store/store.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

using testing::error_of;
using ::testing::IsEmpty;

constexpr std::uint32_t kOtherDimension = 2;

class StoreReleasesTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    store_.reset();
    store_ = Store::open(folder_.path());
    if (store_->settings().dimension == 0) store_->set_settings(testing::sample_settings());
  }
  Release add(const std::string& encoder_id = "encoder-2",
              std::uint32_t dimension = kOtherDimension) {
    Release release;
    release.number = store_->reserve_release();
    release.encoder_path = release_name(release.number) + "/encoder";
    release.encoder_id = encoder_id;
    release.dimension = dimension;
    release.generator_path = release_name(release.number) + "/generator.gguf";
    return store_->add_release(release);
  }
  // What "encoder-2" makes of a passage.
  static std::vector<float> other_vector(PassageId id) {
    return {static_cast<float>(id), -static_cast<float>(id)};
  }
  // Gives the set vectors of the next `limit` passages; false when there are none.
  bool embed(std::uint32_t set, std::size_t limit) {
    const auto passages = store_->passages_after(store_->vector_set(set)->known_up_to, limit);
    std::vector<float> vectors;
    for (const Passage& passage : passages) {
      for (const float value : other_vector(passage.id)) vectors.push_back(value);
    }
    store_->add_vectors(set, passages, vectors);
    return !passages.empty();
  }
  std::map<PassageId, std::vector<float>> vectors_of(std::uint32_t set) const {
    std::map<PassageId, std::vector<float>> vectors;
    for (const CollectionInfo& info : store_->list_collections()) {
      store_->for_each_vector(set, info.name, 0, UINT64_MAX,
                              [&](PassageId id, std::span<const float> vector) {
                                vectors[id].assign(vector.begin(), vector.end());
                              });
    }
    return vectors;
  }
  std::vector<std::string> problems() { return check_store(folder_.path()).problems.kept(); }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreReleasesTest, AStoreHasTheReleaseOfItsSettings) {
  const auto releases = store_->releases();
  ASSERT_EQ(releases.size(), 1u);
  EXPECT_EQ(releases[0].number, 1u);
  EXPECT_EQ(releases[0].encoder_id, "encoder-1");
  EXPECT_EQ(store_->live_release(), releases[0]);
  EXPECT_EQ(store_->previous_release(), std::nullopt);
  EXPECT_EQ(store_->live_vectors().known_up_to, UINT64_MAX);
}

TEST_F(StoreReleasesTest, VectorsOfTwoReleasesAreKeptApart) {
  const auto first = testing::make_sample("a", 1, 3);
  testing::put(*store_, first);
  const auto before = vectors_of(0);
  const Release release = add();
  EXPECT_EQ(release.number, 2u);
  ASSERT_NE(release.vectors, 0u);
  EXPECT_THAT(vectors_of(release.vectors), IsEmpty());
  while (embed(release.vectors, 2)) {
  }
  EXPECT_EQ(vectors_of(0), before);
  const auto others = vectors_of(release.vectors);
  ASSERT_EQ(others.size(), 3u);
  for (const auto& [id, vector] : others) EXPECT_EQ(vector, other_vector(id));
  EXPECT_THAT(problems(), IsEmpty());

  store_->promote_release(2);
  EXPECT_EQ(store_->settings().encoder_id, "encoder-2");
  EXPECT_EQ(store_->settings().dimension, kOtherDimension);
  EXPECT_EQ(store_->settings().generator_path, "r2/generator.gguf");
  EXPECT_EQ(store_->live_release()->number, 2u);
  EXPECT_EQ(store_->previous_release()->number, 1u);
  open();
  EXPECT_EQ(store_->live_release()->number, 2u);
  EXPECT_EQ(vectors_of(0), before);
  EXPECT_EQ(vectors_of(release.vectors), others);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StoreReleasesTest, WhatChangesMeanwhileIsCarriedOver) {
  testing::put(*store_, testing::make_sample("a", 1, 3));
  testing::put(*store_, testing::make_sample("b", 1, 3));
  const std::uint32_t set = add().vectors;
  embed(set, 4);
  // One that has vectors, one that waits for them, and one that is read before it is deleted.
  store_->delete_document(kDefaultCollection, "a");
  testing::put(*store_, testing::make_sample("c", 1, 2, "other"));
  const auto read = store_->passages_after(store_->vector_set(set)->known_up_to, 10);
  ASSERT_EQ(read.size(), 4u);
  store_->delete_document(kDefaultCollection, "b");
  store_->add_vectors(set, read, std::vector<float>(read.size() * kOtherDimension));
  EXPECT_EQ(vectors_of(set).size(), 2u);
  EXPECT_FALSE(embed(set, 10));
  EXPECT_THAT(problems(), IsEmpty());

  testing::put(*store_, testing::make_sample("d", 1, 1));
  const auto error = error_of([&] { store_->promote_release(2); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kUnavailable);
  embed(set, 10);
  store_->promote_release(2);
  EXPECT_EQ(vectors_of(set).size(), 3u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StoreReleasesTest, TheFormerReleaseIsBroughtUpToDateBeforeItServesAgain) {
  testing::put(*store_, testing::make_sample("a", 1, 2));
  const std::uint32_t set = add("encoder-2", testing::kSampleDimension).vectors;
  store_->add_vectors(set, store_->passages_after(0, 10),
                      std::vector<float>(2 * testing::kSampleDimension));
  store_->promote_release(2);
  testing::put(*store_, testing::make_sample("b", 1, 3));
  EXPECT_EQ(vectors_of(set).size(), 5u);
  EXPECT_EQ(vectors_of(0).size(), 2u);
  EXPECT_TRUE(error_of([&] { store_->promote_release(1); }));
  store_->delete_document(kDefaultCollection, "a");
  EXPECT_THAT(vectors_of(0), IsEmpty());
  const auto missing = store_->passages_after(store_->vector_set(0)->known_up_to, 10);
  ASSERT_EQ(missing.size(), 3u);
  store_->add_vectors(0, missing, std::vector<float>(3 * testing::kSampleDimension));
  store_->promote_release(1);
  EXPECT_EQ(store_->settings().encoder_path, "models/encoder");
  EXPECT_EQ(store_->previous_release()->number, 2u);
  EXPECT_EQ(vectors_of(0).size(), 3u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StoreReleasesTest, ReleasesOfOneEncoderShareItsVectors) {
  testing::put(*store_, testing::make_sample("a", 1, 2));
  const Release release = add("encoder-1", testing::kSampleDimension);
  EXPECT_EQ(release.vectors, 0u);
  store_->promote_release(2);
  testing::put(*store_, testing::make_sample("b", 1, 2));
  store_->remove_release(1);
  EXPECT_EQ(vectors_of(0).size(), 4u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StoreReleasesTest, ARemovedReleaseLeavesNothingBehind) {
  testing::put(*store_, testing::make_sample("a", 1, 2));
  const std::uint32_t set = add().vectors;
  const auto models = release_folder(folder_.path(), 2);
  std::filesystem::create_directories(models);
  std::filesystem::create_directories(segments_folder(folder_.path(), set));
  EXPECT_TRUE(error_of([&] { store_->remove_release(1); })) << "it is live";
  EXPECT_TRUE(error_of([&] { store_->remove_release(7); }));
  while (embed(set, 10)) {
  }
  store_->remove_release(2);
  EXPECT_FALSE(std::filesystem::exists(models));
  EXPECT_FALSE(std::filesystem::exists(segments_folder(folder_.path(), set)));
  EXPECT_EQ(store_->vector_set(set), std::nullopt);
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(add().number, 3u) << "numbers are never given twice";
  // The vectors of the beginning can go too.
  const std::uint32_t third = store_->releases().back().vectors;
  while (embed(third, 10)) {
  }
  store_->promote_release(3);
  store_->remove_release(1);
  EXPECT_EQ(store_->previous_release(), std::nullopt);
  EXPECT_EQ(vectors_of(third).size(), 2u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StoreReleasesTest, AnEmptyStoreMayChangeItsEncoderAfterReleasesCameAndWent) {
  add();
  store_->remove_release(2);
  store_->set_settings(testing::sample_settings("encoder-9"));
  EXPECT_EQ(store_->live_release()->encoder_id, "encoder-9");
  EXPECT_EQ(store_->live_vectors().encoder_id, "encoder-9");
  open();
  testing::put(*store_, testing::make_sample("a", 1, 2));
  EXPECT_EQ(vectors_of(0).size(), 2u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StoreReleasesTest, WhatACrashLeftOfAReleaseIsSweptAway) {
  add();
  const auto kept = release_folder(folder_.path(), 2);
  const auto left = release_folder(folder_.path(), 3);
  for (const auto& models : {kept, left}) std::filesystem::create_directories(models);
  std::filesystem::create_directories(segments_folder(folder_.path(), 9));
  std::filesystem::create_directories(segments_folder(folder_.path(), 0));
  open();
  EXPECT_TRUE(std::filesystem::exists(kept));
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_FALSE(std::filesystem::exists(segments_folder(folder_.path(), 9)));
  EXPECT_TRUE(std::filesystem::exists(segments_folder(folder_.path(), 0)));
}

TEST_F(StoreReleasesTest, TheCheckReadsTheModels) {
  Release release;
  release.number = store_->reserve_release();
  release.encoder_id = "encoder-2";
  release.dimension = kOtherDimension;
  const std::filesystem::path file = release_folder("", release.number) / "generator.gguf";
  std::filesystem::create_directories((folder_.path() / file).parent_path());
  write_file_atomic(folder_.path() / file, "abc");
  release.files = {
      {file.string(), 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}};
  store_->add_release(release);
  EXPECT_THAT(problems(), IsEmpty());
  write_file_atomic(folder_.path() / file, "abd");
  ASSERT_EQ(problems().size(), 1u);
  EXPECT_THAT(problems()[0], ::testing::HasSubstr("is not what it was"));
  std::filesystem::remove(folder_.path() / file);
  EXPECT_EQ(problems().size(), 1u);
}

// Writes, re-embedding and switches in any order, against what should come of them.
TEST_F(StoreReleasesTest, EverySetHasTheVectorsOfTheLivingPassages) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return random() % n; };
  add("encoder-2", testing::kSampleDimension);
  add("encoder-3", testing::kSampleDimension);
  const auto catch_up = [&](std::uint32_t set, std::size_t limit) {
    const VectorSet known = *store_->vector_set(set);
    if (known.known_up_to == UINT64_MAX) return false;
    const auto passages = store_->passages_after(known.known_up_to, limit);
    std::vector<float> vectors(passages.size() * testing::kSampleDimension,
                               static_cast<float>(set));
    store_->add_vectors(set, passages, vectors);
    return !passages.empty();
  };
  for (int step = 0; step < 300; ++step) {
    const std::string id = "document-" + std::to_string(below(10));
    switch (below(6)) {
      case 0:
        store_->delete_document(kDefaultCollection, id);
        break;
      case 1:
        catch_up(below(3), 1 + below(20));
        break;
      case 2: {
        const auto releases = store_->releases();
        const Release& next = releases[below(3)];
        while (catch_up(next.vectors, 16)) {
        }
        store_->promote_release(next.number);
        break;
      }
      case 3:
        if (below(10) == 0) open();
        break;
      default:
        testing::put(*store_, testing::make_sample(id, step, below(6)));
    }
  }
  EXPECT_THAT(problems(), IsEmpty());
  const auto live = vectors_of(store_->live_vectors().number);
  EXPECT_EQ(live.size(), store_->passages_after(0, SIZE_MAX).size());
}

}  // namespace
}  // namespace tandem
