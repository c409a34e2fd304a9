#include "indexer/ingestor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "retriever/passage_text.h"
#include "tests/support/errors.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::error_code_of;
using testing::error_of;
using testing::FakeEncoder;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::string words(const std::string& word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += word + std::to_string(i) + (i % 8 == 7 ? ". " : " ");
  return text;
}

IngestRequest request(const std::string& bytes, const std::string& source,
                      const std::string& title = "", const std::string& id = "") {
  IngestRequest made;
  made.bytes = bytes;
  made.source = source;
  made.title = title;
  made.id = id;
  return made;
}

class IngestorTest : public ::testing::Test {
 protected:
  IngestorTest() { open(); }

  void open() {
    ingestor_.reset();
    index_.reset();
    attributes_.reset();
    store_.reset();
    store_ = Store::open(folder_.path() / "store");
    index_ = DenseIndex::open(*store_, {.segment_capacity = 40});
    attributes_ = std::make_unique<AttributeIndex>(*store_);
    ingestor_ = std::make_unique<Ingestor>(*store_, *index_, *attributes_, encoder_, analysis_);
  }
  void write_file(const std::string& name, const std::string& content) {
    fs::create_directories((documents() / name).parent_path());
    std::ofstream(documents() / name, std::ios::binary) << content;
  }
  fs::path documents() const { return folder_.path() / "documents"; }
  FolderReport ingest_all(const std::function<void(const FolderProgress&)>& progress = {}) {
    return ingestor_->ingest_folder(documents(), kDefaultCollection, progress);
  }
  std::vector<std::string> sources() const {
    std::vector<std::string> names;
    for (const auto& document : store_->list_documents(kDefaultCollection, "", SIZE_MAX)) {
      names.push_back(document.source);
    }
    return names;
  }
  // That each passage in the store is what a search for it finds first, and that the index holds
  // nothing else.
  void expect_searchable() const {
    std::size_t passages = 0;
    for (const auto& document : store_->list_documents(kDefaultCollection, "", SIZE_MAX)) {
      const auto found = store_->document_passages(kDefaultCollection, document.id);
      EXPECT_EQ(found.size(), document.passage_count);
      EXPECT_GT(found.size(), 0u);
      for (const Passage& passage : found) {
        const std::vector<std::string> text{embedding_text(passage)};
        const auto hits =
            index_->search(kDefaultCollection, encoder_.encode(text, TextKind::kQuery), 1);
        ASSERT_EQ(hits.size(), 1u);
        EXPECT_NEAR(hits[0].score, 1, 1e-5);
      }
      passages += found.size();
    }
    EXPECT_EQ(index_->size(kDefaultCollection), passages);
  }

  testing::TemporaryFolder folder_;
  FakeEncoder encoder_;
  TextAnalysis analysis_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::unique_ptr<AttributeIndex> attributes_;
  std::unique_ptr<Ingestor> ingestor_;
};

TEST_F(IngestorTest, ADocumentIsSearchableAndDurableWhenIngestReturns) {
  const auto result = ingestor_->ingest(request(words("alpha", 300), "a.txt"));
  EXPECT_EQ(result.status, IngestStatus::kAdded);
  EXPECT_EQ(result.document_id, make_document_id("a.txt"));
  EXPECT_EQ(result.title, "a.txt");
  EXPECT_GE(result.passage_count, 10u);
  expect_searchable();
  const auto document = store_->get_document(kDefaultCollection, result.document_id);
  for (const Passage& passage : store_->document_passages(kDefaultCollection, result.document_id)) {
    EXPECT_EQ(passage.text, document->text.substr(passage.begin, passage.end - passage.begin));
    EXPECT_LE(encoder_.tokenizer().count(embedding_text(passage)), 32u);
  }
  open();
  expect_searchable();
}

TEST_F(IngestorTest, AnUnchangedDocumentCostsNothing) {
  const IngestRequest alpha = request(words("alpha", 100), "a.txt");
  const auto first = ingestor_->ingest(alpha);
  const std::size_t encoded = encoder_.encoded;
  const auto second = ingestor_->ingest(alpha);
  EXPECT_EQ(second.status, IngestStatus::kUnchanged);
  EXPECT_EQ(second.passage_count, first.passage_count);
  EXPECT_EQ(second.title, first.title);
  EXPECT_EQ(encoder_.encoded, encoded);
}

TEST_F(IngestorTest, AChangeOfBytesOrTitleReplaces) {
  ingestor_->ingest(request(words("alpha", 100), "a.txt"));
  const auto other = ingestor_->ingest(request(words("beta", 60), "a.txt"));
  EXPECT_EQ(other.status, IngestStatus::kReplaced);
  expect_searchable();
  const auto titled = ingestor_->ingest(request(words("beta", 60), "a.txt", "Beta"));
  EXPECT_EQ(titled.status, IngestStatus::kReplaced);
  EXPECT_EQ(titled.title, "Beta");
  EXPECT_EQ(store_->list_collections()[0].document_count, 1u);
  expect_searchable();
}

TEST_F(IngestorTest, PassagesAreBoundedAsAskedForAndNeverAboveTheEncoder) {
  IngestRequest alpha = request(words("alpha", 100), "a.txt", words("title", 60));
  const auto usual = ingestor_->ingest(alpha);
  EXPECT_EQ(usual.max_passage_tokens, 32u);
  alpha.max_passage_tokens = 16;
  const auto shorter = ingestor_->ingest(alpha);
  EXPECT_EQ(shorter.status, IngestStatus::kReplaced);
  EXPECT_EQ(shorter.max_passage_tokens, 16u);
  EXPECT_GT(shorter.passage_count, usual.passage_count);
  for (const Passage& passage : store_->document_passages(kDefaultCollection, usual.document_id)) {
    EXPECT_LE(encoder_.tokenizer().count(passage.text), 16u);
  }
  EXPECT_EQ(ingestor_->ingest(alpha).status, IngestStatus::kUnchanged);
  alpha.max_passage_tokens = 4096;
  const auto longest = ingestor_->ingest(alpha);
  EXPECT_EQ(longest.max_passage_tokens, 32u);
  EXPECT_EQ(longest.passage_count, usual.passage_count);
  EXPECT_EQ(longest.encoded_count, longest.passage_count)
      << "another part of the title goes before";
}

TEST_F(IngestorTest, WhatIsNoLongerWantedIsNotWritten) {
  struct Unwanted {};
  IngestRequest alpha = request(words("alpha", 8000), "a.txt");
  int calls = 0;
  alpha.check_wanted = [&] { ++calls; };
  ingestor_->ingest(alpha);
  EXPECT_GE(calls, 3) << "between batches, and before it is written";
  const int last = calls;
  for (const int end : {1, last}) {
    calls = 0;
    IngestRequest beta = request(words("beta", 8000), "a.txt");
    beta.check_wanted = [&] {
      if (++calls == end) throw Unwanted();
    };
    EXPECT_THROW(ingestor_->ingest(beta), Unwanted);
    EXPECT_EQ(ingestor_->ingest(alpha).status, IngestStatus::kUnchanged);
  }
  expect_searchable();
}

TEST_F(IngestorTest, AttributesAreSelectedByWhenIngestReturns) {
  const Filter recent = {FilterType::kGreater, "year", {2000.0}, {}};
  const auto count = [&] { return attributes_->select(kDefaultCollection, recent)->size(); };
  EXPECT_EQ(count(), 0u);
  auto alpha = request(words("alpha", 100), "a.txt");
  ingestor_->ingest(alpha);
  EXPECT_EQ(count(), 0u);
  const std::size_t encoded = encoder_.encoded;
  alpha.attributes = {{"year", 2020.0}};
  const auto updated = ingestor_->ingest(alpha);
  EXPECT_EQ(updated.status, IngestStatus::kUpdated);
  EXPECT_EQ(updated.encoded_count, 0u);
  EXPECT_EQ(count(), updated.passage_count);
  EXPECT_EQ(ingestor_->ingest(alpha).status, IngestStatus::kUnchanged);

  // Without a word about them they stay, whether or not the text changes.
  alpha.attributes.reset();
  EXPECT_EQ(ingestor_->ingest(alpha).status, IngestStatus::kUnchanged);
  EXPECT_EQ(encoder_.encoded, encoded);
  alpha.bytes += words("more", 30);
  const auto replaced = ingestor_->ingest(alpha);
  EXPECT_EQ(replaced.status, IngestStatus::kReplaced);
  EXPECT_EQ(count(), replaced.passage_count);

  const auto document =
      ingestor_->set_attributes(kDefaultCollection, replaced.document_id, {{"year", 1999.0}});
  ASSERT_TRUE(document);
  EXPECT_EQ(document->title, "a.txt");
  EXPECT_EQ(count(), 0u);
  EXPECT_FALSE(ingestor_->set_attributes(kDefaultCollection, "unknown", {}));
  ingestor_->set_attributes(kDefaultCollection, replaced.document_id, {{"year", 2001.0}});
  EXPECT_EQ(count(), replaced.passage_count);
  ingestor_->remove(kDefaultCollection, replaced.document_id);
  EXPECT_EQ(count(), 0u);
}

TEST_F(IngestorTest, ReadersStayUnlessOthersAreGiven) {
  const auto count = [&](const Readers& who) {
    return attributes_->select(kDefaultCollection, visible_to(who))->size();
  };
  auto alpha = request(words("alpha", 100), "a.txt");
  alpha.readers = Readers{"hr"};
  alpha.attributes = {{"year", 2020.0}};
  const auto added = ingestor_->ingest(alpha);
  EXPECT_EQ(count({}), 0u);
  EXPECT_EQ(count({"hr"}), added.passage_count);
  const std::size_t encoded = encoder_.encoded;
  alpha.readers = Readers{"it"};
  EXPECT_EQ(ingestor_->ingest(alpha).status, IngestStatus::kUpdated);
  EXPECT_EQ(encoder_.encoded, encoded);
  EXPECT_EQ(count({"hr"}), 0u);

  // A text that changes must not be for everybody by that.
  alpha.readers.reset();
  EXPECT_EQ(ingestor_->ingest(alpha).status, IngestStatus::kUnchanged);
  alpha.bytes += words("more", 30);
  const auto replaced = ingestor_->ingest(alpha);
  EXPECT_EQ(replaced.status, IngestStatus::kReplaced);
  EXPECT_EQ(count({}), 0u);
  EXPECT_EQ(count({"it"}), replaced.passage_count);
  EXPECT_EQ(store_->get_header(kDefaultCollection, replaced.document_id)->attributes,
            *alpha.attributes);

  alpha.readers.emplace();
  EXPECT_EQ(ingestor_->ingest(alpha).status, IngestStatus::kUpdated);
  EXPECT_EQ(count({}), replaced.passage_count);
}

TEST_F(IngestorTest, AFolderTakesAttributes) {
  write_file("a.txt", words("a", 100));
  write_file("b.txt", words("b", 100));
  ingest_all();
  const std::size_t encoded = encoder_.encoded;
  const Attributes attributes = {{"draft", true}};
  const auto report = ingestor_->ingest_folder(documents(), kDefaultCollection, {}, attributes);
  EXPECT_EQ(report.updated, 2u);
  EXPECT_EQ(report.replaced + report.unchanged + report.added, 0u);
  EXPECT_EQ(encoder_.encoded, encoded);
  for (const auto& document : store_->list_documents(kDefaultCollection, "", SIZE_MAX)) {
    EXPECT_EQ(document.attributes, attributes);
  }
  EXPECT_EQ(ingest_all().unchanged, 2u);
  EXPECT_EQ(error_code_of([&] {
              const Attributes nameless = {{"", true}};
              ingestor_->ingest_folder(documents(), kDefaultCollection, {}, nameless);
            }),
            ErrorCode::kInvalidArgument);
}

TEST_F(IngestorTest, AttributesMayStandInAFileBesideADocument) {
  write_file("a.txt", words("a", 40));
  write_file("a.txt.meta.json", R"({"year": 2020, "draft": true})");
  write_file("b.txt", words("b", 40));
  write_file("c.txt", words("c", 40));
  write_file("c.txt.meta.json", R"({"year": [2020]})");
  write_file("d.txt", words("d", 40));
  write_file("d.txt.meta.json", "year: 2020");
  const Attributes given = {{"year", 1999.0}, {"topic", "tides"}};
  const auto report = ingestor_->ingest_folder(documents(), kDefaultCollection, {}, given);
  EXPECT_EQ(report.added, 2u);
  EXPECT_EQ(report.skipped, 0u);
  ASSERT_EQ(report.failures.size(), 2u);
  EXPECT_THAT(report.failures[0].reason, HasSubstr("'c.txt.meta.json.year' must be a string"));
  EXPECT_THAT(report.failures[1].reason, HasSubstr("d.txt.meta.json is not JSON"));
  const auto attributes_of = [&](const char* source) {
    return store_->get_header(kDefaultCollection, make_document_id(source))->attributes;
  };
  const Attributes expected = {{"year", 2020.0}, {"draft", true}, {"topic", "tides"}};
  EXPECT_EQ(attributes_of("a.txt"), expected);
  EXPECT_EQ(attributes_of("b.txt"), given);

  write_file("a.txt.meta.json", "{}");
  EXPECT_EQ(ingest_all().updated, 1u);
  EXPECT_THAT(attributes_of("a.txt"), ::testing::IsEmpty());
  EXPECT_EQ(attributes_of("b.txt"), given);
}

// Sections of which each makes at least one passage, so that a change in one leaves the others.
std::string sections(int count, int changed, const std::string& change) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "## Section " + std::to_string(i) + "\n\n";
    text += words((i == changed ? change : "word") + std::to_string(i) + "x", 20) + "\n\n";
  }
  return text;
}

TEST_F(IngestorTest, OnlyChangedPassagesAreEncodedAgain) {
  const auto first = ingestor_->ingest(request(sections(50, -1, ""), "a.md"));
  EXPECT_EQ(first.encoded_count, first.passage_count);
  EXPECT_GE(first.passage_count, 50u);
  std::size_t encoded = encoder_.encoded;
  // Further back all passages begin elsewhere, and the ones that follow have another ordinal.
  const auto second = ingestor_->ingest(request(sections(50, 20, "much longer other"), "a.md"));
  EXPECT_EQ(second.status, IngestStatus::kReplaced);
  EXPECT_EQ(second.encoded_count, encoder_.encoded - encoded);
  EXPECT_GE(second.encoded_count, 1u);
  EXPECT_LE(second.encoded_count, 4u);
  expect_searchable();

  encoded = encoder_.encoded;
  const auto third = ingestor_->ingest(
      request("## New\n\nBegins here.\n\n" + sections(49, 20, "much longer other"), "a.md"));
  EXPECT_EQ(encoder_.encoded - encoded, 1u);
  EXPECT_EQ(third.encoded_count, 1u);
  expect_searchable();
  open();
  expect_searchable();
}

TEST_F(IngestorTest, ALongTitleHindersNoReuse) {
  const std::string title = words("title", 40);
  ingestor_->ingest(request(sections(20, -1, ""), "a.md", title));
  const auto changed = ingestor_->ingest(request(sections(20, 7, "other"), "a.md", title));
  EXPECT_LE(changed.encoded_count, 2u);
}

// It stands before nearly every passage, so that a vector would be one of another text.
TEST_F(IngestorTest, AnotherTitleIsEncoded) {
  ingestor_->ingest(request(sections(20, -1, ""), "a.md", "One"));
  const auto changed = ingestor_->ingest(request(sections(20, -1, ""), "a.md", "Two"));
  EXPECT_EQ(changed.encoded_count, changed.passage_count);
  expect_searchable();
}

TEST_F(IngestorTest, AFolderEncodesOnlyChangedPassages) {
  for (int i = 0; i < 30; ++i) write_file(std::to_string(i) + ".md", sections(20, -1, ""));
  const auto first = ingest_all();
  EXPECT_EQ(first.encoded, first.passages);
  const std::size_t encoded = encoder_.encoded;
  for (int i = 0; i < 30; i += 3)
    write_file(std::to_string(i) + ".md", sections(20, i % 20, "other"));
  const auto second = ingest_all();
  EXPECT_EQ(second.replaced, 10u);
  EXPECT_EQ(second.unchanged, 20u);
  EXPECT_EQ(second.encoded, encoder_.encoded - encoded);
  EXPECT_GE(second.encoded, 10u);
  EXPECT_LE(second.encoded, 20u);
  EXPECT_GE(second.passages, 200u);
  expect_searchable();
}

TEST_F(IngestorTest, AGivenIdIsKept) {
  const auto result = ingestor_->ingest(request("some text", "a.txt", "", "mine"));
  EXPECT_EQ(result.document_id, "mine");
  EXPECT_TRUE(store_->get_document(kDefaultCollection, "mine"));
}

TEST_F(IngestorTest, RemovedDocumentsAreGoneFromStoreAndIndex) {
  ingestor_->ingest(request(words("alpha", 100), "a.txt"));
  ingestor_->ingest(request(words("beta", 100), "b.txt"));
  EXPECT_TRUE(ingestor_->remove(kDefaultCollection, make_document_id("a.txt")));
  EXPECT_FALSE(ingestor_->remove(kDefaultCollection, make_document_id("a.txt")));
  EXPECT_FALSE(ingestor_->remove("other", make_document_id("b.txt")));
  EXPECT_THAT(sources(), ElementsAre("b.txt"));
  expect_searchable();
}

TEST_F(IngestorTest, BadRequestsAreRefusedAndLeaveNothing) {
  EXPECT_EQ(error_code_of([&] { ingestor_->ingest(request("", "a.txt")); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { ingestor_->ingest(request(" \n ", "a.txt")); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] {
              auto elsewhere = request("text", "a.txt");
              elsewhere.collection = "a/b";
              ingestor_->ingest(elsewhere);
            }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([&] { ingestor_->ingest(request("text", "a.txt", "", "line\nbreak")); }),
            ErrorCode::kInvalidArgument);
  Ingestor narrow(*store_, *index_, *attributes_, encoder_, analysis_, {.max_bytes = 10});
  EXPECT_EQ(error_code_of([&] { narrow.ingest(request(words("x", 50), "a.txt")); }),
            ErrorCode::kTooLarge);
  EXPECT_THAT(sources(), ElementsAre());
  EXPECT_EQ(index_->size(kDefaultCollection), 0u);
}

TEST_F(IngestorTest, AnotherEncoderIsRefused) {
  ingestor_->ingest(request("text", "a.txt"));
  FakeEncoder other("fake-2");
  Ingestor ingestor(*store_, *index_, *attributes_, other, analysis_);
  EXPECT_EQ(error_code_of([&] { ingestor.ingest(request("text", "b.txt")); }),
            ErrorCode::kInvalidArgument);
}

TEST_F(IngestorTest, DocumentsMayComeFromManyThreads) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        // Names overlap, so that threads replace each other's documents.
        const std::string source = std::to_string((t * 3 + i) % 15) + ".txt";
        ingestor_->ingest(request(words(std::to_string(t), 50 + i), source));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  expect_searchable();
  open();
  expect_searchable();
}

TEST_F(IngestorTest, AFolderIsTakenUpWithItsSubfolders) {
  write_file("b.txt", words("b", 100));
  write_file("a/deep/c.md", "# Heading\n\n" + words("c", 50));
  write_file("a/page.HTML", "<html><title>Page</title><p>" + words("p", 40) + "</p></html>");
  write_file("picture.bin", "123");
  write_file(".hidden.txt", "hidden");
  write_file(".git/config.txt", "hidden");
  const auto report = ingest_all();
  EXPECT_EQ(report.added, 3u);
  EXPECT_EQ(report.skipped, 1u);
  EXPECT_THAT(report.failures, ElementsAre());
  EXPECT_EQ(report.passages, store_->list_collections()[0].passage_count);
  EXPECT_THAT(sources(), UnorderedElementsAre("b.txt", "a/deep/c.md", "a/page.HTML"));
  expect_searchable();
}

TEST_F(IngestorTest, IndexingAFolderAgainTakesUpWhatChanged) {
  write_file("a.txt", words("a", 100));
  write_file("b.txt", words("b", 100));
  ingest_all();
  const std::size_t encoded = encoder_.encoded;
  write_file("b.txt", words("changed", 60));
  write_file("c.txt", words("c", 30));
  const auto report = ingest_all();
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(report.added, 1u);
  EXPECT_EQ(encoder_.encoded - encoded, report.passages);
  expect_searchable();
}

TEST_F(IngestorTest, OneFileCanBeNamedByItself) {
  write_file("notes.unknown", words("a", 50));
  const auto report =
      ingestor_->ingest_folder(documents() / "notes.unknown", kDefaultCollection, {});
  EXPECT_EQ(report.added, 1u);
  EXPECT_THAT(sources(), ElementsAre("notes.unknown"));
  EXPECT_EQ(error_code_of(
                [&] { ingestor_->ingest_folder(documents() / "nothing", kDefaultCollection, {}); }),
            ErrorCode::kNotFound);
}

TEST_F(IngestorTest, BrokenFilesAreReportedAndStopNothing) {
  write_file("a.txt", words("a", 100));
  write_file("binary.txt", std::string(4096, '\0') + "\x01\x02\xFF");
  write_file("broken.pdf", "%PDF-1.7\nthis is not one");
  write_file("empty.txt", "");
  write_file("large.txt", words("large", 5000));
  write_file("z.txt", words("z", 100));
  fs::create_symlink(documents() / "gone", documents() / "link.txt");
  ingestor_ = std::make_unique<Ingestor>(*store_, *index_, *attributes_, encoder_, analysis_,
                                         ReadLimits{.max_bytes = 10'000});
  const auto report = ingest_all();
  EXPECT_EQ(report.added, 2u);
  std::vector<std::string> failed;
  for (const auto& failure : report.failures) {
    failed.push_back(failure.source);
    EXPECT_FALSE(failure.reason.empty());
  }
  EXPECT_THAT(failed, UnorderedElementsAre("link.txt", "binary.txt", "broken.pdf", "empty.txt",
                                           "large.txt"));
  expect_searchable();
}

TEST_F(IngestorTest, LoopsAndPipesDoNotHoldItUp) {
  write_file("a/b.txt", words("b", 30));
  fs::create_directory_symlink(documents(), documents() / "a" / "loop");
  ASSERT_EQ(::mkfifo((documents() / "pipe.txt").c_str(), 0600), 0);
  const auto report = ingest_all();
  EXPECT_EQ(report.added, 1u);
  EXPECT_THAT(report.failures, ElementsAre());
}

TEST_F(IngestorTest, NamesThatAreNotUtf8AreTakenUp) {
  write_file("caf\xE9.txt", words("e", 30));
  EXPECT_EQ(ingest_all().added, 1u);
  EXPECT_THAT(sources(), ElementsAre("caf\xEF\xBF\xBD.txt"));
  EXPECT_EQ(ingest_all().unchanged, 1u);
}

TEST_F(IngestorTest, SmallFilesAreEncodedTogetherAndLargeOnesInParts) {
  for (int i = 0; i < 100; ++i) {
    write_file("small" + std::to_string(i) + ".txt", "one passage " + std::to_string(i));
  }
  write_file("z-large.txt", words("large", 20'000));
  const auto report = ingest_all();
  EXPECT_EQ(report.added, 101u);
  EXPECT_GT(report.passages, 600u);
  EXPECT_LE(encoder_.calls, report.passages / 64);
  expect_searchable();
}

TEST_F(IngestorTest, ProgressIsMonotonicAndCountsOnlyWhatIsDurable) {
  for (int i = 0; i < 40; ++i) write_file(std::to_string(i) + ".txt", words("w", 40 + 5 * i));
  FolderProgress last;
  ingest_all([&](const FolderProgress& progress) {
    EXPECT_GE(progress.files_done, last.files_done);
    EXPECT_GE(progress.bytes_done, last.bytes_done);
    EXPECT_GE(progress.passages_done, last.passages_done);
    EXPECT_EQ(progress.files_total, 40u);
    const auto collections = store_->list_collections();
    EXPECT_EQ(collections.empty() ? 0 : collections[0].document_count, progress.files_done);
    EXPECT_EQ(index_->size(kDefaultCollection),
              collections.empty() ? 0 : collections[0].passage_count);
    last = progress;
  });
  EXPECT_EQ(last.files_done, 40u);
  EXPECT_EQ(last.bytes_done, last.bytes_total);
}

TEST_F(IngestorTest, ProgressMayStopTheRun) {
  for (int i = 0; i < 60; ++i) write_file(std::to_string(i) + ".txt", words("w", 2000));
  struct Stop {};
  EXPECT_THROW(ingest_all([&](const FolderProgress& progress) {
                 if (progress.files_done == 5) throw Stop();
               }),
               Stop);
  EXPECT_EQ(sources().size(), 5u);
  expect_searchable();
  EXPECT_EQ(ingest_all().added, 55u);
  expect_searchable();
}

TEST_F(IngestorTest, AFailingEncoderEndsTheRunAndNotTheProcess) {
  for (int i = 0; i < 50; ++i) write_file(std::to_string(i) + ".txt", words("w", 500));
  std::atomic<int> left = 300;
  encoder_.on_text = [&](const std::string&) {
    if (--left == 0) throw std::runtime_error("out of order");
  };
  EXPECT_THROW(ingest_all(), std::runtime_error);
  encoder_.on_text = {};
  expect_searchable();
}

TEST_F(IngestorTest, AFullDiskEndsTheRunWithAdvice) {
  const fs::path disk = folder_.path() / "disk";
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64m") != 0) {
    GTEST_SKIP() << "mounting a tmpfs needs root: " << std::strerror(errno);
  }
  std::optional<Error> error;
  std::uint64_t acknowledged = 0;
  for (int i = 0; i < 60; ++i) write_file(std::to_string(i) + ".txt", words("w", 100'000));
  {
    auto store = Store::open(disk / "store");
    auto index = DenseIndex::open(*store, {.segment_capacity = 4000});
    AttributeIndex attributes(*store);
    Ingestor ingestor(*store, *index, attributes, encoder_, analysis_);
    error = error_of([&] {
      ingestor.ingest_folder(documents(), kDefaultCollection, [&](const FolderProgress& progress) {
        acknowledged = progress.files_done;
      });
    });
    EXPECT_EQ(store->list_collections()[0].document_count, acknowledged);
    EXPECT_EQ(index->size(kDefaultCollection), store->list_collections()[0].passage_count);
  }
  ::umount2(disk.c_str(), MNT_DETACH);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kResourceExhausted) << error->what();
  EXPECT_THAT(error->advice(), HasSubstr("free some disk space"));
  EXPECT_GT(acknowledged, 0u);
}

}  // namespace
}  // namespace tandem
