#include "store/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/write_batch.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "store/database.h"
#include "store/format.h"
#include "store/store.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

using ::testing::IsEmpty;

// Two collections; of the first, the passages are 1-3 ("a", replaced), 4-5 ("b"), 8-10 ("a").
void fill(const std::filesystem::path& folder) {
  const auto store = Store::open(folder);
  store->set_settings(testing::sample_settings());
  testing::put(*store, testing::make_sample("a", 1, 3));
  testing::put(*store, testing::make_sample("b", 1, 2));
  testing::put(*store, testing::make_sample("a", 1, 2, "other"));
  testing::put(*store, testing::make_sample("a", 2, 3));
  testing::put(*store, testing::make_sample("empty", 1, 0));
  testing::put(*store, testing::make_sample("gone", 1, 4, "other"));
  store->delete_document("other", "gone");
}

class Editor {
 public:
  explicit Editor(const std::filesystem::path& folder) : database_(folder / "db", false) {}

  std::string get(Family family, const std::string& key) {
    std::string value;
    EXPECT_TRUE(database_.db().Get({}, database_.family(family), key, &value).ok());
    return value;
  }
  void put(Family family, const std::string& key, const std::string& value) {
    EXPECT_TRUE(database_.db().Put({}, database_.family(family), key, value).ok());
  }
  void erase(Family family, const std::string& key) {
    get(family, key);
    EXPECT_TRUE(database_.db().Delete({}, database_.family(family), key).ok());
  }
  void change_passage(PassageId id, const std::function<void(format::PassageRecord&)>& change) {
    auto record = format::decode_passage(get(Family::kPassages, format::passage_key(id)));
    change(record);
    put(Family::kPassages, format::passage_key(id), format::encode_passage(record));
  }

 private:
  Database database_;
};

struct Damage {
  const char* name;
  std::function<void(Editor&)> inflict;
  std::vector<std::string> said;  // words of one and the same problem
};

class CheckTest : public ::testing::TestWithParam<Damage> {
 protected:
  const testing::TemporaryFolder folder_;
};

TEST_F(CheckTest, ASoundStoreHasNoProblems) {
  fill(folder_.path());
  const StoreCheck check = check_store(folder_.path());
  EXPECT_THAT(check.problems.kept(), IsEmpty());
  EXPECT_EQ(check.collections, 2u);
  EXPECT_EQ(check.documents, 4u);
  EXPECT_EQ(check.passages, 7u);
  EXPECT_EQ(check.vectors, 7u);
}

TEST_F(CheckTest, WhatIsNoStoreIsAnError) {
  EXPECT_THROW(check_store(folder_.path() / "none"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "none"));
}

TEST_P(CheckTest, NamesTheDamage) {
  fill(folder_.path());
  {
    Editor editor(folder_.path());
    GetParam().inflict(editor);
  }
  const StoreCheck check = check_store(folder_.path());
  bool found = false;
  for (const std::string& problem : check.problems.kept()) {
    bool all = true;
    for (const std::string& words : GetParam().said) {
      all = all && problem.find(words) != std::string::npos;
    }
    found = found || all;
  }
  EXPECT_TRUE(found) << ::testing::PrintToString(check.problems.kept());
  EXPECT_EQ(check.problems.count(), check.problems.kept().size());
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, CheckTest,
    ::testing::Values(
        Damage{"PassageMissing",
               [](Editor& e) { e.erase(Family::kPassages, format::passage_key(9)); },
               {"1 of the 3 passages", "document a of collection default"}},
        Damage{"PassagesOfADocumentMissing",
               [](Editor& e) {
                 e.erase(Family::kPassages, format::passage_key(4));
                 e.erase(Family::kPassages, format::passage_key(5));
               },
               {"passages of the document b", "missing"}},
        Damage{"PassageOfNobody",
               [](Editor& e) {
                 e.put(Family::kPassages, format::passage_key(2),
                       e.get(Family::kPassages, format::passage_key(4)));
               },
               {"passage 2 belongs to no document"}},
        Damage{"PassageOfAnother",
               [](Editor& e) {
                 e.change_passage(4, [](auto& record) { record.passage.document_id = "a"; });
               },
               {"passage 4", "belongs elsewhere"}},
        Damage{"PassageOfAnotherText",
               [](Editor& e) {
                 e.change_passage(5, [](auto& record) { record.passage.text[3] ^= 1; });
               },
               {"passage 5 is not what the text"}},
        Damage{"PassageOfAnotherPlace",
               [](Editor& e) {
                 e.change_passage(5, [](auto& record) { record.passage.begin = UINT64_MAX / 2; });
               },
               {"passage 5 is not what the text"}},
        Damage{"PassageCutOff",
               [](Editor& e) {
                 auto bytes = e.get(Family::kPassages, format::passage_key(4));
                 e.put(Family::kPassages, format::passage_key(4), bytes.substr(0, 9));
               },
               {"passages", "cannot be read"}},
        Damage{"VectorMissing",
               [](Editor& e) { e.erase(Family::kVectors, format::collection_passage_key(1, 4)); },
               {"1 passages of collection default have no vector"}},
        Damage{"VectorOfNobody",
               [](Editor& e) {
                 e.put(Family::kVectors, format::collection_passage_key(1, 2),
                       e.get(Family::kVectors, format::collection_passage_key(1, 4)));
               },
               {"vector of the passage 2 belongs to no document"}},
        Damage{"VectorInTheWrongCollection",
               [](Editor& e) {
                 e.put(Family::kVectors, format::collection_passage_key(2, 4),
                       e.get(Family::kVectors, format::collection_passage_key(1, 4)));
               },
               {"vector of the passage 4 belongs to no document"}},
        Damage{"VectorTooShort",
               [](Editor& e) {
                 e.put(Family::kVectors, format::collection_passage_key(1, 4),
                       format::encode_vector(std::vector<float>(3)));
               },
               {"vectors", "cannot be read"}},
        Damage{"VectorNotANumber",
               [](Editor& e) {
                 e.put(Family::kVectors, format::collection_passage_key(1, 4),
                       format::encode_vector(std::vector<float>{0, 0, NAN, 0}));
               },
               {"vector of the passage 4", "not a number"}},
        Damage{"TextMissing",
               [](Editor& e) { e.erase(Family::kTexts, format::document_key(1, "b")); },
               {"text of document b", "missing"}},
        Damage{"TextOfNobody",
               [](Editor& e) {
                 e.put(Family::kTexts, format::document_key(1, "c"), format::encode_text("x"));
               },
               {"1 texts belong to no document"}},
        Damage{"DocumentMissing",
               [](Editor& e) { e.erase(Family::kDocuments, format::document_key(1, "b")); },
               {"collection default counts 3 documents and 5 passages, and has 2 and 3"}},
        Damage{"DocumentNewer",
               [](Editor& e) {
                 auto bytes = e.get(Family::kDocuments, format::document_key(1, "b"));
                 bytes[0] = 99;
                 e.put(Family::kDocuments, format::document_key(1, "b"), bytes);
               },
               {"documents", "cannot be read"}},
        Damage{"DocumentsThatOverlap",
               [](Editor& e) {
                 e.put(Family::kDocuments, format::document_key(1, "c"),
                       e.get(Family::kDocuments, format::document_key(1, "b")));
               },
               {"claims passages of the document"}},
        Damage{"DocumentOfImpossiblePassages",
               [](Editor& e) {
                 auto record = format::decode_document(
                     e.get(Family::kDocuments, format::document_key(1, "b")));
                 record.first_passage = UINT64_MAX;
                 e.put(Family::kDocuments, format::document_key(1, "b"),
                       format::encode_document(record));
               },
               {"document b", "impossible ids"}},
        Damage{"CollectionMissing",
               [](Editor& e) { e.erase(Family::kCollections, "other"); },
               {"belongs to no collection"}},
        Damage{"CollectionsOfOneNumber",
               [](Editor& e) {
                 e.put(Family::kCollections, "third", e.get(Family::kCollections, "other"));
               },
               {"the same number"}},
        Damage{"TombstoneOfTheLiving",
               [](Editor& e) {
                 e.put(Family::kTombstones, format::collection_passage_key(1, 5),
                       format::encode_tombstone(1));
               },
               {"tombstone of the passage 5 covers passages of the document b"}},
        Damage{"TermsMissing",
               [](Editor& e) { e.erase(Family::kTerms, format::collection_passage_key(1, 4)); },
               {"collection default counts", "terms in 5 passages", "in 4"}},
        Damage{"TermsOfNobody",
               [](Editor& e) {
                 e.put(Family::kTerms, format::collection_passage_key(1, 2),
                       e.get(Family::kTerms, format::collection_passage_key(1, 4)));
               },
               {"terms of the passage 2 belong to no document"}},
        Damage{"PostingsMissing",
               [](Editor& e) { e.erase(Family::kPostings, format::postings_key(1, "part0", 0)); },
               {"postings of collection default are not those of its 15 terms: they are 13"}},
        Damage{"PostingsOfAnotherTerm",
               [](Editor& e) {
                 e.put(Family::kPostings, format::postings_key(1, "part0", 0),
                       e.get(Family::kPostings, format::postings_key(1, "part1", 0)));
               },
               {"postings of collection default are not those of its 15 terms"}},
        Damage{"PostingsWithoutATerm",
               [](Editor& e) { e.put(Family::kPostings, "abcdefgh", "x"); },
               {"a key of the postings has no term"}},
        Damage{"IdsGivenTwice",
               [](Editor& e) {
                 e.put(Family::kMeta, format::kNextPassageKey, format::encode_counter(9));
               },
               {"ids that were not given yet"}}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace tandem
