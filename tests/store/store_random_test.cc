// The store against a map in memory, under random writes and reopenings.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "store/store.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

struct Expected {
  testing::Sample sample;
  std::vector<PassageId> ids;
};
using Model = std::map<std::string, std::map<std::string, Expected>>;  // by collection and id

void expect_equal(const Store& store, const Model& model,
                  const std::map<std::string, std::set<PassageId>>& deleted) {
  const auto infos = store.list_collections();
  ASSERT_EQ(infos.size(), model.size());
  for (const CollectionInfo& info : infos) {
    const auto& documents = model.at(info.name);
    std::map<PassageId, std::vector<float>> vectors;
    for (const auto& [id, expected] : documents) {
      const auto document = store.get_document(info.name, id);
      ASSERT_TRUE(document);
      EXPECT_EQ(document->text, expected.sample.document.text);
      EXPECT_EQ(document->digest, expected.sample.document.digest);
      const auto passages = store.document_passages(info.name, id);
      ASSERT_EQ(passages.size(), expected.ids.size());
      for (std::size_t i = 0; i < passages.size(); ++i) {
        EXPECT_EQ(passages[i].id, expected.ids[i]);
        EXPECT_EQ(passages[i].text, expected.sample.passages[i].text);
        const auto row = expected.sample.vectors.begin() +
                         static_cast<std::ptrdiff_t>(i * testing::kSampleDimension);
        vectors[passages[i].id].assign(row, row + testing::kSampleDimension);
      }
    }
    EXPECT_EQ(info.document_count, documents.size());
    EXPECT_EQ(info.passage_count, vectors.size());
    EXPECT_EQ(store.list_documents(info.name, "", SIZE_MAX).size(), documents.size());

    std::map<PassageId, std::vector<float>> stored;
    PassageId previous = 0;
    store.for_each_vector(info.name, 0, UINT64_MAX,
                          [&](PassageId id, std::span<const float> vector) {
                            EXPECT_GT(id, previous);
                            previous = id;
                            stored[id].assign(vector.begin(), vector.end());
                          });
    EXPECT_EQ(stored, vectors);
    const auto tombstones = store.deleted_passages(info.name, UINT64_MAX);
    const auto known = deleted.find(info.name);
    EXPECT_EQ(std::set<PassageId>(tombstones.begin(), tombstones.end()),
              known == deleted.end() ? std::set<PassageId>() : known->second);
  }
}

TEST(StoreRandomTest, BehavesLikeAMapInMemory) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };

  testing::TemporaryFolder folder;
  auto store = Store::open(folder.path());
  store->set_settings(testing::sample_settings());
  Model model;
  std::map<std::string, std::set<PassageId>> deleted;
  PassageId greatest = 0;
  for (int step = 0; step < 400; ++step) {
    const std::string collection = "collection-" + std::to_string(below(3));
    const std::string id = "document-" + std::to_string(below(20));
    StoreChange change;
    std::vector<PassageId> removed;
    if (model.contains(collection) && model[collection].contains(id)) {
      removed = model[collection][id].ids;
    }
    if (below(4) > 0) {
      auto sample =
          testing::make_sample(id, step, static_cast<std::uint32_t>(below(6)), collection);
      change = testing::put(*store, sample);
      ASSERT_EQ(change.added.size(), sample.passages.size());
      for (const PassageId added : change.added) {
        ASSERT_GT(added, greatest);
        greatest = added;
      }
      model[collection][id] = {std::move(sample), change.added};
    } else {
      change = store->delete_document(collection, id);
      if (model.contains(collection)) model[collection].erase(id);
    }
    ASSERT_EQ(change.removed, removed);
    deleted[collection].insert(removed.begin(), removed.end());
    if (below(40) == 0) {
      store.reset();
      store = Store::open(folder.path());
      expect_equal(*store, model, deleted);
      if (HasFatalFailure()) return;
    }
  }
  expect_equal(*store, model, deleted);
}

}  // namespace
}  // namespace tandem
