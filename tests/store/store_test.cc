#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <fstream>
#include <limits>
#include <thread>

#include "base/file.h"
#include "store/database.h"
#include "store/format.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"
#include "tests/support/store_samples.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_sample;
using testing::put;
using testing::Sample;
using testing::sample_settings;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { open(); }

  void open() {
    store_.reset();
    store_ = Store::open(path());
    if (store_->settings().dimension == 0) store_->set_settings(sample_settings());
  }
  std::filesystem::path path() const { return folder_.path() / "store"; }

  std::vector<PassageId> vector_ids(const std::string& collection = kDefaultCollection,
                                    PassageId after = 0) const {
    std::vector<PassageId> ids;
    store_->for_each_vector(collection, after, UINT64_MAX,
                            [&](PassageId id, std::span<const float>) { ids.push_back(id); });
    return ids;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ADocumentComesBackWhole) {
  const Sample sample = make_sample("a", 1, 3);
  const StoreChange change = put(*store_, sample);
  EXPECT_EQ(change.added.size(), 3u);
  EXPECT_THAT(change.removed, IsEmpty());

  const auto document = store_->get_document(kDefaultCollection, "a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->id, "a");
  EXPECT_EQ(document->collection, kDefaultCollection);
  EXPECT_EQ(document->title, sample.document.title);
  EXPECT_EQ(document->source, sample.document.source);
  EXPECT_EQ(document->media_type, "text/plain");
  EXPECT_EQ(document->text, sample.document.text);
  EXPECT_EQ(document->digest, sample.document.digest);
  EXPECT_EQ(document->created_at_unix_s, sample.document.created_at_unix_s);
  EXPECT_EQ(document->passage_count, 3u);
  const auto header = store_->get_header(kDefaultCollection, "a");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->id, "a");
  EXPECT_EQ(header->digest, sample.document.digest);
  EXPECT_EQ(header->first_passage, change.added[0]);
  EXPECT_EQ(header->text, "");

  const auto passages = store_->document_passages(kDefaultCollection, "a");
  ASSERT_EQ(passages.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(passages[i].id, change.added[i]);
    EXPECT_EQ(passages[i].collection, kDefaultCollection);
    EXPECT_EQ(passages[i].document_id, "a");
    EXPECT_EQ(passages[i].title, sample.document.title);
    EXPECT_EQ(passages[i].heading_path, sample.passages[i].heading_path);
    EXPECT_EQ(passages[i].ordinal, i);
    EXPECT_EQ(passages[i].page, i + 1);
    EXPECT_EQ(passages[i].begin, sample.passages[i].begin);
    EXPECT_EQ(passages[i].end, sample.passages[i].end);
    EXPECT_EQ(passages[i].text, sample.passages[i].text);
  }

  std::vector<float> vectors;
  store_->for_each_vector(kDefaultCollection, 0, UINT64_MAX,
                          [&](PassageId, std::span<const float> vector) {
                            vectors.insert(vectors.end(), vector.begin(), vector.end());
                          });
  EXPECT_EQ(vectors, sample.vectors);
}

TEST_F(StoreTest, WhatIsNotThereIsNotAnError) {
  EXPECT_FALSE(store_->get_document(kDefaultCollection, "a"));
  EXPECT_FALSE(store_->get_header("other", "a"));
  EXPECT_FALSE(store_->set_attributes("other", "a", {}));
  EXPECT_THAT(store_->list_documents("other", "", 10), IsEmpty());
  EXPECT_THAT(store_->list_collections(), IsEmpty());
  EXPECT_THAT(store_->document_passages("other", "a"), IsEmpty());
  EXPECT_THAT(store_->deleted_passages("other", 100), IsEmpty());
  EXPECT_THAT(store_->delete_document("other", "a").removed, IsEmpty());
  const PassageId id = 12345;
  const auto passages = store_->get_passages({&id, 1});
  ASSERT_EQ(passages.size(), 1u);
  EXPECT_FALSE(passages[0]);
}

TEST_F(StoreTest, ReadersAreKeptInOrderAndChangeWithoutTheRest) {
  auto sample = make_sample("a", 1, 3);
  sample.document.attributes = {{"year", 2020.0}};
  sample.document.readers = {"user:b", "group:x", "user:b"};
  put(*store_, sample);
  put(*store_, make_sample("b", 1, 1));
  EXPECT_EQ(store_->get_header(kDefaultCollection, "a")->readers, (Readers{"group:x", "user:b"}));
  EXPECT_TRUE(store_->get_header(kDefaultCollection, "b")->readers.empty());
  ASSERT_TRUE(store_->set_readers(kDefaultCollection, "a", {"z", "y"}));
  EXPECT_FALSE(store_->set_readers(kDefaultCollection, "c", {"y"}));
  open();
  const auto stored = store_->get_document(kDefaultCollection, "a");
  EXPECT_EQ(stored->readers, (Readers{"y", "z"}));
  EXPECT_EQ(stored->attributes, sample.document.attributes);
  EXPECT_EQ(stored->text, sample.document.text);
  const std::string too_long(kMaxReaderBytes + 1, 'a');
  for (const std::string& name :
       std::vector<std::string>{"", " a", "a,b", "a\n", "\xff", too_long}) {
    EXPECT_EQ(error_code_of([&] { store_->set_readers(kDefaultCollection, "a", {name}); }),
              ErrorCode::kInvalidArgument)
        << name;
  }
  EXPECT_TRUE(may_read({}, {}));
  EXPECT_TRUE(may_read({"a", "b"}, {"b", "c"}));
  EXPECT_FALSE(may_read({"a", "b"}, {"c"}));
  EXPECT_FALSE(may_read({"a"}, {}));
}

TEST_F(StoreTest, AttributesChangeWithoutTheRest) {
  auto sample = make_sample("a", 1, 3);
  sample.document.attributes = {{"year", 2020.0}, {"draft", true}};
  const auto change = put(*store_, sample);
  put(*store_, make_sample("b", 1, 1));
  EXPECT_EQ(store_->get_header(kDefaultCollection, "a")->attributes, sample.document.attributes);

  const Attributes changed = {{"language", "fr"}};
  const auto document = store_->set_attributes(kDefaultCollection, "a", changed);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->id, "a");
  EXPECT_EQ(document->first_passage, change.added[0]);
  EXPECT_FALSE(store_->set_attributes(kDefaultCollection, "c", changed));
  open();
  const auto stored = store_->get_document(kDefaultCollection, "a");
  EXPECT_EQ(stored->attributes, changed);
  EXPECT_EQ(stored->text, sample.document.text);
  EXPECT_TRUE(store_->get_header(kDefaultCollection, "b")->attributes.empty());

  std::vector<float> vectors;
  store_->for_each_passage(kDefaultCollection, "a",
                           [&](const Passage& passage, std::span<const float> vector) {
                             EXPECT_EQ(passage.id, change.added[vectors.size() / vector.size()]);
                             vectors.insert(vectors.end(), vector.begin(), vector.end());
                           });
  EXPECT_EQ(vectors, sample.vectors);
}

TEST_F(StoreTest, AttributesBeyondTheLimitsAreRefused) {
  put(*store_, make_sample("a", 1, 1));
  Attributes many;
  for (int i = 0; i < 17; ++i) many.emplace("name" + std::to_string(i), true);
  const Attributes cases[] = {many,
                              {{"", true}},
                              {{"$id", "x"}},
                              {{std::string(65, 'n'), 1.0}},
                              {{"\xFF", 1.0}},
                              {{"text", std::string(513, 't')}},
                              {{"text", "\xFF"}},
                              {{"number", std::numeric_limits<double>::infinity()}}};
  for (const Attributes& attributes : cases) {
    EXPECT_EQ(error_code_of([&] { store_->set_attributes(kDefaultCollection, "a", attributes); }),
              ErrorCode::kInvalidArgument)
        << attributes.begin()->first;
    auto sample = make_sample("b", 1, 1);
    sample.document.attributes = attributes;
    EXPECT_EQ(error_code_of([&] { put(*store_, sample); }), ErrorCode::kInvalidArgument);
  }
  std::string longest;
  for (int i = 0; i < 512; ++i) longest += "\xC3\xA9";
  EXPECT_TRUE(store_->set_attributes(kDefaultCollection, "a",
                                     {{std::string(64, 'n'), 1.0}, {"text", longest}}));
}

TEST_F(StoreTest, ReplacingLeavesNothingOfTheOldDocument) {
  const auto first = put(*store_, make_sample("a", 1, 3));
  const auto second = put(*store_, make_sample("a", 2, 2));
  EXPECT_EQ(second.removed, first.added);
  EXPECT_GT(second.added.front(), first.added.back());
  EXPECT_EQ(vector_ids(), second.added);
  EXPECT_EQ(store_->deleted_passages(kDefaultCollection, UINT64_MAX), first.added);
  for (const auto& passage : store_->get_passages(first.added)) EXPECT_FALSE(passage);
  EXPECT_EQ(store_->get_document(kDefaultCollection, "a")->title, "Title of a v2");
  EXPECT_EQ(store_->document_passages(kDefaultCollection, "a").size(), 2u);
  const auto collections = store_->list_collections();
  ASSERT_EQ(collections.size(), 1u);
  EXPECT_EQ(collections[0].document_count, 1u);
  EXPECT_EQ(collections[0].passage_count, 2u);
}

TEST_F(StoreTest, DeletingLeavesTombstonesOnly) {
  const auto a = put(*store_, make_sample("a", 1, 3));
  const auto b = put(*store_, make_sample("b", 1, 2));
  EXPECT_EQ(store_->delete_document(kDefaultCollection, "a").removed, a.added);
  EXPECT_THAT(store_->delete_document(kDefaultCollection, "a").removed, IsEmpty());
  EXPECT_FALSE(store_->get_document(kDefaultCollection, "a"));
  EXPECT_EQ(vector_ids(), b.added);
  EXPECT_EQ(store_->deleted_passages(kDefaultCollection, UINT64_MAX), a.added);
  EXPECT_THAT(store_->deleted_passages(kDefaultCollection, a.added[1]),
              ElementsAre(a.added[0], a.added[1]));
  EXPECT_EQ(store_->list_collections()[0].document_count, 1u);
  EXPECT_EQ(store_->list_collections()[0].passage_count, 2u);
}

TEST_F(StoreTest, CollectionsDoNotMix) {
  const auto one = put(*store_, make_sample("a", 1, 2, "one"));
  const auto two = put(*store_, make_sample("a", 2, 3, "two"));
  EXPECT_EQ(vector_ids("one"), one.added);
  EXPECT_EQ(vector_ids("two"), two.added);
  store_->delete_document("one", "a");
  EXPECT_FALSE(store_->get_document("one", "a"));
  EXPECT_EQ(store_->get_document("two", "a")->title, "Title of a v2");
  EXPECT_THAT(store_->deleted_passages("two", UINT64_MAX), IsEmpty());
  EXPECT_EQ(store_->get_passages(two.added)[0]->collection, "two");
}

TEST_F(StoreTest, ListsAreInOrderOfIdAndPaged) {
  for (const char* id : {"b", "a/2", "c", "a"}) put(*store_, make_sample(id, 1, 1));
  put(*store_, make_sample("b2", 1, 1, "other"));
  std::vector<std::string> ids;
  std::string after;
  while (true) {
    const auto page = store_->list_documents(kDefaultCollection, after, 3);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 3u);
    for (const Document& document : page) {
      EXPECT_THAT(document.text, IsEmpty());
      EXPECT_EQ(document.passage_count, 1u);
      ids.push_back(document.id);
    }
    after = page.back().id;
  }
  EXPECT_THAT(ids, ElementsAre("a", "a/2", "b", "c"));
  EXPECT_THAT(store_->list_documents(kDefaultCollection, "", 0), IsEmpty());
}

TEST_F(StoreTest, VectorsAfterAnIdAreThoseAfterIt) {
  const auto change = put(*store_, make_sample("a", 1, 4));
  EXPECT_THAT(vector_ids(kDefaultCollection, change.added[1]),
              ElementsAre(change.added[2], change.added[3]));
  EXPECT_THAT(vector_ids(kDefaultCollection, UINT64_MAX), IsEmpty());
}

TEST_F(StoreTest, ADocumentWithoutPassagesIsAllowed) {
  put(*store_, make_sample("a", 1, 2));
  const auto change = put(*store_, make_sample("a", 2, 0));
  EXPECT_EQ(change.removed.size(), 2u);
  EXPECT_EQ(store_->get_document(kDefaultCollection, "a")->passage_count, 0u);
  EXPECT_THAT(vector_ids(), IsEmpty());
}

TEST_F(StoreTest, ReopeningKeepsEverything) {
  const auto first = put(*store_, make_sample("a", 1, 2));
  const auto removed = put(*store_, make_sample("b", 1, 2));
  store_->delete_document(kDefaultCollection, "b");
  const std::string identity = store_->identity();
  open();
  EXPECT_EQ(store_->settings().encoder_id, "encoder-1");
  EXPECT_EQ(store_->settings().dimension, testing::kSampleDimension);
  EXPECT_EQ(store_->identity(), identity);
  EXPECT_EQ(store_->get_document(kDefaultCollection, "a")->text,
            make_sample("a", 1, 2).document.text);
  EXPECT_EQ(store_->list_collections()[0].passage_count, 2u);
  const auto next = put(*store_, make_sample("c", 1, 1));
  EXPECT_GT(next.added[0], removed.added.back()) << "ids of deleted passages must not come again";
}

TEST_F(StoreTest, SettingsAreReplaced) {
  StoreSettings settings = sample_settings();
  settings.generator_path = "model.gguf";
  store_->set_settings(settings);
  open();
  EXPECT_EQ(store_->settings().generator_path, "model.gguf");
  EXPECT_EQ(store_->settings().encoder_path, "models/encoder");
}

TEST_F(StoreTest, BadArgumentsAreRefusedAndChangeNothing) {
  const auto refused = [&](Sample sample) {
    return error_code_of([&] { put(*store_, sample); }) == ErrorCode::kInvalidArgument;
  };
  for (const char* name : {"", ".", "..", "a/b", "caf\xC3\xA9", "a b"}) {
    EXPECT_TRUE(refused(make_sample("a", 1, 1, name))) << name;
  }
  EXPECT_TRUE(refused(make_sample("a", 1, 1, std::string(65, 'x'))));
  EXPECT_TRUE(refused(make_sample("", 1, 1)));
  EXPECT_TRUE(refused(make_sample("line\nbreak", 1, 1)));
  EXPECT_TRUE(refused(make_sample("\xFF", 1, 1)));
  EXPECT_TRUE(refused(make_sample(std::string(513, 'x'), 1, 1)));
  Sample short_vectors = make_sample("a", 1, 2);
  short_vectors.vectors.pop_back();
  EXPECT_TRUE(refused(short_vectors));
  Sample not_finite = make_sample("a", 1, 2);
  not_finite.vectors[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(refused(not_finite));
  EXPECT_THAT(store_->list_collections(), IsEmpty());
  EXPECT_FALSE(refused(make_sample(std::string(512, 'x'), 1, 1, std::string(64, 'x'))));
}

TEST_F(StoreTest, VectorsNeedADimension) {
  auto store = Store::open(folder_.path() / "fresh");
  EXPECT_EQ(error_code_of([&] { put(*store, make_sample("a", 1, 1)); }),
            ErrorCode::kInvalidArgument);
}

TEST_F(StoreTest, ASecondWriterIsTurnedAway) {
  const auto error = error_of([&] { Store::open(path()); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error->advice(), HasSubstr("another process"));
}

TEST_F(StoreTest, AReaderBesideAWriterSeesTheMomentOfItsOpening) {
  put(*store_, make_sample("a", 1, 2));
  const auto reader = Store::open(path(), {.read_only = true});
  EXPECT_EQ(reader->get_document(kDefaultCollection, "a")->title, "Title of a v1");
  EXPECT_EQ(reader->identity(), store_->identity());
  put(*store_, make_sample("a", 2, 2));
  put(*store_, make_sample("b", 1, 1));
  EXPECT_EQ(reader->get_document(kDefaultCollection, "a")->title, "Title of a v1");
  EXPECT_EQ(reader->list_collections()[0].document_count, 1u);
  EXPECT_EQ(error_code_of([&] { put(*reader, make_sample("c", 1, 1)); }),
            ErrorCode::kInvalidArgument);
  const auto later = Store::open(path(), {.read_only = true});
  EXPECT_EQ(later->list_collections()[0].document_count, 2u);
}

TEST_F(StoreTest, ReadersLeaveTheFolderAsItIs) {
  put(*store_, make_sample("a", 1, 2));
  store_.reset();
  const auto listing = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path())) {
      names.push_back(entry.path().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  const auto before = listing();
  Store::open(path(), {.read_only = true})->get_document(kDefaultCollection, "a");
  EXPECT_EQ(listing(), before);
}

TEST_F(StoreTest, OpeningWhatIsNotThereIsNotFound) {
  const auto nowhere = folder_.path() / "nowhere";
  EXPECT_EQ(error_code_of([&] { Store::open(nowhere, {.create_if_missing = false}); }),
            ErrorCode::kNotFound);
  EXPECT_EQ(error_code_of([&] { Store::open(nowhere, {.read_only = true}); }),
            ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(nowhere));
}

TEST_F(StoreTest, ANewerStoreIsRefusedUntouched) {
  store_.reset();
  write_file_atomic(path() / "VERSION", "tandem-store 5\n");
  for (const bool read_only : {false, true}) {
    const auto error = error_of([&] { Store::open(path(), {.read_only = read_only}); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error->what(), HasSubstr("version 5"));
  }
}

TEST_F(StoreTest, AVersionFileThatIsDamagedOrLostIsCorrupt) {
  store_.reset();
  for (const char* content : {"", "tandem-store ", "tandem-store x", "hello", "tandem-store 0"}) {
    write_file_atomic(path() / "VERSION", content);
    EXPECT_EQ(error_code_of([&] { Store::open(path()); }), ErrorCode::kCorrupt) << content;
  }
  std::filesystem::remove(path() / "VERSION");
  EXPECT_EQ(error_code_of([&] { Store::open(path()); }), ErrorCode::kCorrupt);
}

TEST_F(StoreTest, ACorruptRecordIsNamed) {
  put(*store_, make_sample("a", 1, 1));
  store_.reset();
  {
    Database database(path() / "db", false);
    const std::string prefix("\0\0\0\x01", 4);
    const rocksdb::WriteOptions options;
    ASSERT_TRUE(database.db()
                    .Put(options, database.family(Family::kDocuments), prefix + "a", "\x01z")
                    .ok());
  }
  open();
  const auto error = error_of([&] { store_->get_document(kDefaultCollection, "a"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kCorrupt);
  EXPECT_THAT(error->what(), HasSubstr("document record"));
}

TEST_F(StoreTest, DeletedDocumentsLeaveNoPostings) {
  put(*store_, make_sample("a", 1, 3));
  put(*store_, make_sample("a", 2, 2));
  const auto count_postings = [&] {
    store_.reset();
    Database database(path() / "db", false);
    auto* family = database.family(Family::kPostings);
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    // The first one merges, the second one drops what has become empty.
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(database.db().CompactRange(options, family, nullptr, nullptr).ok());
    }
    std::unique_ptr<rocksdb::Iterator> it(database.db().NewIterator({}, family));
    int count = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
    return count;
  };
  EXPECT_EQ(count_postings(), 4);  // "passage", "part0", "part1", "v2"
  open();
  store_->delete_document(kDefaultCollection, "a");
  EXPECT_EQ(count_postings(), 0);
}

TEST_F(StoreTest, ADamagedPostingIsCorrupt) {
  put(*store_, make_sample("a", 1, 3));
  store_.reset();
  {
    Database database(path() / "db", false);
    const auto status =
        database.db().Merge(rocksdb::WriteOptions(), database.family(Family::kPostings),
                            format::postings_key(1, "passage", 0), "\x01z");
    ASSERT_TRUE(status.ok());
  }
  store_ = Store::open(path(), {.read_only = true});
  EXPECT_EQ(error_code_of([&] {
              store_->read_postings(kDefaultCollection, std::vector<std::string>{"passage"});
            }),
            ErrorCode::kCorrupt);
  EXPECT_TRUE(store_->get_document(kDefaultCollection, "a"));
}

// What version 1 left: no families of terms, and records that do not mention them.
TEST_F(StoreTest, AStoreWithoutTermsIsReadAndGivenThem) {
  const Sample sample = make_sample("a", 1, 3);
  put(*store_, sample);
  const std::vector<std::string> terms = {"passage"};
  const auto before = store_->read_postings(kDefaultCollection, terms);
  ASSERT_EQ(before.passage_count, 3u);
  store_.reset();
  {
    Database database(path() / "db", false);
    rocksdb::DB& db = database.db();
    ASSERT_TRUE(db.DropColumnFamily(database.family(Family::kTerms)).ok());
    ASSERT_TRUE(db.DropColumnFamily(database.family(Family::kPostings)).ok());
    const std::string record("\x01\x01\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", 21);
    const auto status = db.Put(rocksdb::WriteOptions(), database.family(Family::kCollections),
                               kDefaultCollection, record);
    ASSERT_TRUE(status.ok());
  }
  write_file_atomic(path() / "VERSION", "tandem-store 1\n");

  store_ = Store::open(path(), {.read_only = true});
  EXPECT_EQ(store_->document_passages(kDefaultCollection, "a").size(), 3u);
  EXPECT_EQ(store_->list_collections()[0].passages_with_terms, 0u);
  EXPECT_EQ(store_->read_postings(kDefaultCollection, terms).passage_count, 0u);
  EXPECT_EQ(read_file(path() / "VERSION", 100), "tandem-store 1\n");

  open();
  EXPECT_EQ(read_file(path() / "VERSION", 100), "tandem-store 4\n");
  EXPECT_EQ(store_->list_collections()[0].passages_with_terms, 0u);
  const auto passages = store_->passages_without_terms(0, 10);
  ASSERT_EQ(passages.size(), 3u);
  store_->add_terms(passages, sample.terms);
  EXPECT_THAT(store_->passages_without_terms(0, 10), IsEmpty());
  const auto after = store_->read_postings(kDefaultCollection, terms);
  EXPECT_EQ(after.passage_count, before.passage_count);
  EXPECT_EQ(after.total_length, before.total_length);
  EXPECT_EQ(after.terms[0]->bytes, before.terms[0]->bytes);
}

TEST_F(StoreTest, ADamagedTableFileIsCorruptAndNotACrash) {
  put(*store_, make_sample("a", 1, 50));
  store_.reset();
  { Database database(path() / "db", false); }  // opening moves the log into table files
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path() / "db")) {
    if (entry.path().extension() != ".sst") continue;
    std::string content = read_file(entry.path());
    content[content.size() / 4] = static_cast<char>(content[content.size() / 4] ^ 0x40);
    std::ofstream(entry.path(), std::ios::binary) << content;
    ++damaged;
  }
  ASSERT_GT(damaged, 0);
  const auto code = error_code_of([&] {
    open();
    store_->get_document(kDefaultCollection, "a");
    store_->document_passages(kDefaultCollection, "a");
    vector_ids();
  });
  EXPECT_EQ(code, ErrorCode::kCorrupt);
}

TEST_F(StoreTest, ReadersAndWritersRunAtTheSameTime) {
  put(*store_, make_sample("a", 0, 2));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int version = 1; version < 50; ++version) put(*store_, make_sample("a", version, 2));
    done = true;
  });
  while (!done) {
    const auto document = store_->get_document(kDefaultCollection, "a");
    ASSERT_TRUE(document);
    const std::string version = document->title.substr(std::string("Title of ").size());
    EXPECT_THAT(document->text, HasSubstr(" of " + version + "."));
    const auto passages = store_->document_passages(kDefaultCollection, "a");
    ASSERT_EQ(passages.size(), 2u);
    EXPECT_EQ(passages[0].title, passages[1].title);
  }
  writer.join();
}

TEST(DocumentIdTest, DependsOnTheSourceAlone) {
  // From: printf 'docs/a.html' | sha256sum
  EXPECT_EQ(make_document_id("docs/a.html"), "doc-74d7318d6a0024878a7b5c43");
  EXPECT_NE(make_document_id("docs/a.html"), make_document_id("docs/b.html"));
}

}  // namespace
}  // namespace tandem
