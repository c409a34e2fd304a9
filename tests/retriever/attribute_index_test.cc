#include "retriever/attribute_index.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/error.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

const Filter kRed = {FilterType::kEqual, "colour", {"red"}, {}};
const Filter kNotRed = {FilterType::kNotEqual, "colour", {"red"}, {}};
const Filter kEverything = {FilterType::kAnd, "", {}, {}};

class AttributeIndexTest : public ::testing::Test {
 protected:
  AttributeIndexTest() : store_(Store::open(folder_.path())), index_(*store_) {
    store_->set_settings(testing::sample_settings());
  }

  StoreChange put(const std::string& id, std::uint32_t passages, const Attributes& attributes,
                  const std::string& collection = kDefaultCollection) {
    auto sample = testing::make_sample(id, 1, passages, collection);
    sample.document.attributes = attributes;
    auto change = testing::put(*store_, sample);
    index_.put(sample.document, change);
    return change;
  }
  std::size_t count(const Filter& filter) const {
    return index_.select(kDefaultCollection, filter)->size();
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
  AttributeIndex index_;
};

TEST_F(AttributeIndexTest, SelectsWhatTheStoreHeldBefore) {
  const auto red = put("a", 3, {{"colour", "red"}});
  put("b", 2, {{"colour", "blue"}});
  put("c", 4, {});
  put("d", 5, {{"colour", "red"}}, "other");
  const auto set = index_.select(kDefaultCollection, kRed);
  EXPECT_EQ(set->size(), 3u);
  EXPECT_TRUE(set->contains(red.added[0]) && set->contains(red.added[2]));
  EXPECT_EQ(count(kNotRed), 6u);
  EXPECT_EQ(index_.select("other", kRed)->size(), 5u);
  EXPECT_EQ(index_.select("unknown", kEverything)->size(), 0u);
}

TEST_F(AttributeIndexTest, ChangesAreSeenWhenTheyReturn) {
  EXPECT_EQ(count(kRed), 0u);
  put("a", 3, {{"colour", "red"}});
  EXPECT_EQ(count(kRed), 3u);
  put("b", 2, {{"colour", "red"}});
  EXPECT_EQ(count(kRed), 5u);
  index_.change(*store_->set_attributes(kDefaultCollection, "a", {{"colour", "blue"}}));
  EXPECT_EQ(count(kRed), 2u);
  EXPECT_EQ(count(kNotRed), 3u);
  put("b", 7, {{"colour", "red"}});
  EXPECT_EQ(count(kRed), 7u);
  index_.remove(kDefaultCollection, store_->delete_document(kDefaultCollection, "b"));
  EXPECT_EQ(count(kRed), 0u);
  EXPECT_EQ(count(kEverything), 3u);
}

TEST_F(AttributeIndexTest, SelectsWhatSomebodyMaySee) {
  put("all", 1, {});
  put("two", 2, {});
  put("three", 4, {});
  const auto restrict = [&](const char* id, const Readers& readers) {
    index_.change(*store_->set_readers(kDefaultCollection, id, readers));
  };
  EXPECT_EQ(count(visible_to({})), 7u);
  restrict("two", {"a", "b"});
  restrict("three", {"b"});
  EXPECT_EQ(count(visible_to({})), 1u);
  EXPECT_EQ(count(visible_to({"a", "z"})), 3u);
  EXPECT_EQ(count(visible_to({"b"})), 7u);
  restrict("three", {});
  EXPECT_EQ(count(visible_to({"z"})), 5u);
  EXPECT_THROW(
      parse_filter_text(R"({"type": "eq", "key": "$restricted", "value": true})", "filter"), Error);
}

TEST_F(AttributeIndexTest, ARepeatedFilterCostsNothingUntilTheCollectionChanges) {
  put("a", 3, {{"colour", "red"}});
  const auto first = index_.select(kDefaultCollection, kRed);
  EXPECT_EQ(index_.select(kDefaultCollection, Filter(kRed)), first);
  put("b", 1, {}, "other");
  EXPECT_EQ(index_.select(kDefaultCollection, kRed), first);
  put("b", 1, {});
  EXPECT_NE(index_.select(kDefaultCollection, kRed), first);
  EXPECT_EQ(first->size(), 3u);
}

// A write and the making of the index may meet in either order.
TEST_F(AttributeIndexTest, WhatItLearnedFromTheStoreMayBeToldAgain) {
  put("a", 3, {{"colour", "red"}});
  auto sample = testing::make_sample("a", 2, 2);
  const auto change = testing::put(*store_, sample);
  EXPECT_EQ(count(kEverything), 2u);
  index_.put(sample.document, change);
  EXPECT_EQ(count(kEverything), 2u);
  const auto deletion = store_->delete_document(kDefaultCollection, "a");
  index_.remove(kDefaultCollection, deletion);
  index_.remove(kDefaultCollection, deletion);
  EXPECT_EQ(count(kEverything), 0u);
}

TEST_F(AttributeIndexTest, SelectionsGoOnWhileDocumentsAreWritten) {
  put("a", 3, {{"colour", "red"}});
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        EXPECT_GE(count(kRed), 3u);
        EXPECT_EQ(count(kRed) % 3, 0u);
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    const std::string id = std::to_string(i);
    put(id, 3, {{"colour", "red"}, {"number", static_cast<double>(i)}});
    if (i % 3 == 0) {
      index_.change(*store_->set_attributes(kDefaultCollection, id, {{"colour", "blue"}}));
    }
    if (i % 3 == 1)
      index_.remove(kDefaultCollection, store_->delete_document(kDefaultCollection, id));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(count(kRed), 303u);
  EXPECT_EQ(count(kEverything), 603u);
}

}  // namespace
}  // namespace tandem
