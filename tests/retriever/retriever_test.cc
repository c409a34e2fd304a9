#include "retriever/retriever.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

using testing::error_code_of;

class RetrieverTest : public ::testing::Test {
 protected:
  RetrieverTest() : store_(Store::open(folder_.path())) {
    StoreSettings settings;
    settings.encoder_id = encoder_.id();
    settings.dimension = static_cast<std::uint32_t>(encoder_.dimension());
    store_->set_settings(settings);
    index_ = DenseIndex::open(*store_);
    attributes_ = std::make_unique<AttributeIndex>(*store_);
  }

  StoreChange put(const std::string& id, std::uint32_t passages,
                  const std::string& collection = kDefaultCollection) {
    auto sample = testing::make_sample(id, 1, passages, collection);
    std::vector<std::string> texts;
    for (const Passage& passage : sample.passages) texts.push_back(passage.text);
    sample.vectors = encoder_.encode(texts, TextKind::kPassage);
    const auto change = testing::put(*store_, sample);
    index_->add(collection, change.added, sample.vectors);
    return change;
  }
  Retriever retriever() const { return {*store_, *index_, *attributes_, encoder_}; }

  testing::TemporaryFolder folder_;
  testing::FakeEncoder encoder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::unique_ptr<AttributeIndex> attributes_;
};

TEST_F(RetrieverTest, FindsThePassageThatWasAskedFor) {
  put("a", 4);
  put("b", 4);
  const auto hits = retriever().search("Passage 2 of b v1.", {.limit = 3});
  ASSERT_EQ(hits.size(), 3u);
  EXPECT_EQ(hits[0].passage.document_id, "b");
  EXPECT_EQ(hits[0].passage.ordinal, 2u);
  EXPECT_EQ(hits[0].passage.title, "Title of b v1");
  EXPECT_NEAR(hits[0].score, 1, 1e-6);
  EXPECT_GE(hits[1].score, hits[2].score);
}

TEST_F(RetrieverTest, StaysInItsCollection) {
  put("a", 4, "one");
  put("a", 4, "two");
  for (const Hit& hit : retriever().search("anything", {.collection = "two", .limit = 100})) {
    EXPECT_EQ(hit.passage.collection, "two");
  }
}

TEST_F(RetrieverTest, LimitsBeyondTheCollectionAreClipped) {
  put("a", 4);
  EXPECT_EQ(retriever().search("anything", {.limit = 1'000'000'000'000}).size(), 4u);
}

TEST_F(RetrieverTest, PassagesDeletedMeanwhileAreReplacedByTheNextBest) {
  put("a", 6);
  put("b", 6);
  const auto before = retriever().search("Passage 1 of a v1.", {.limit = 12});
  // Gone from the store, not yet from the index: what a search between the two steps sees.
  store_->delete_document(kDefaultCollection, "a");
  const auto hits = retriever().search("Passage 1 of a v1.", {.limit = 4});
  ASSERT_EQ(hits.size(), 4u);
  std::vector<PassageId> expected;
  for (const Hit& hit : before) {
    if (hit.passage.document_id == "b" && expected.size() < 4) expected.push_back(hit.passage.id);
  }
  std::vector<PassageId> found;
  for (const Hit& hit : hits) found.push_back(hit.passage.id);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(retriever().search("anything", {.limit = 100}).size(), 6u);
}

TEST_F(RetrieverTest, BadRequestsAreRefused) {
  put("a", 1);
  EXPECT_EQ(error_code_of([&] { retriever().search(" \n\t", {}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.limit = 0}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.collection = "a/b"}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { retriever().search("x", {.collection = "other"}); }),
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tandem
