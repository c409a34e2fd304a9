// The store against a map in memory, under random writes and reopenings.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "store/postings.h"
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

// What the store says of a term: its count and the passage's length, by passage.
std::map<PassageId, std::pair<std::uint32_t, std::uint32_t>> postings_of(
    const TermPostings& postings) {
  std::map<PassageId, std::pair<std::uint32_t, std::uint32_t>> found;
  PostingBlock block;
  for (const TermPostings::Bucket& bucket : postings.buckets) {
    const PostingList list(postings.bytes_of(bucket));
    for (std::size_t i = 0; i < list.block_count(); ++i) {
      list.decode(i, block);
      for (std::size_t j = 0; j < block.size; ++j) {
        const PassageId id = (PassageId{bucket.number} << kBucketBits) + block.offsets[j];
        found[id] = {block.counts[j], block.lengths[j]};
      }
    }
  }
  return found;
}

void expect_equal_terms(const Store& store, const std::string& collection,
                        const std::map<std::string, Expected>& documents) {
  const std::vector<std::string> terms = {"passage", "part0", "part3", "v0", "v5", "unknown"};
  std::map<std::string, std::map<PassageId, std::pair<std::uint32_t, std::uint32_t>>> expected;
  std::uint64_t passage_count = 0;
  std::uint64_t total_length = 0;
  for (const auto& [id, document] : documents) {
    for (std::size_t i = 0; i < document.ids.size(); ++i) {
      const PassageTerms& passage = document.sample.terms[i];
      ++passage_count;
      total_length += passage.length;
      for (const TermCount& term : passage.counts) {
        expected[term.term][document.ids[i]] = {term.count, passage.length};
      }
    }
  }
  const PostingsSnapshot snapshot = store.read_postings(collection, terms);
  EXPECT_EQ(snapshot.passage_count, passage_count);
  EXPECT_EQ(snapshot.total_length, total_length);
  ASSERT_EQ(snapshot.terms.size(), terms.size());
  for (std::size_t i = 0; i < terms.size(); ++i) {
    EXPECT_EQ(postings_of(*snapshot.terms[i]), expected[terms[i]]) << terms[i];
  }
}

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
    EXPECT_EQ(info.passages_with_terms, vectors.size());
    expect_equal_terms(store, info.name, documents);
    const auto tombstones = store.deleted_passages(info.name, UINT64_MAX);
    const auto known = deleted.find(info.name);
    EXPECT_EQ(std::set<PassageId>(tombstones.begin(), tombstones.end()),
              known == deleted.end() ? std::set<PassageId>() : known->second);
  }
}

// Forgets all terms and adds them again, some at a time.
void restore_terms(Store& store, const Model& model) {
  store.restart_terms("another");
  EXPECT_EQ(store.settings().analysis, "another");
  PassageId after = 0;
  for (;;) {
    const auto passages = store.passages_without_terms(after, 7);
    if (passages.empty()) break;
    std::vector<PassageTerms> terms;
    for (const Passage& passage : passages) {
      const auto& expected = model.at(passage.collection).at(passage.document_id);
      terms.push_back(expected.sample.terms.at(passage.ordinal));
    }
    store.add_terms(passages, terms);
    store.add_terms(passages, terms);  // known already: nothing happens
    after = passages.back().id;
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
      if (below(3) == 0) restore_terms(*store, model);
      expect_equal(*store, model, deleted);
      if (HasFatalFailure()) return;
    }
  }
  expect_equal(*store, model, deleted);
}

}  // namespace
}  // namespace tandem
