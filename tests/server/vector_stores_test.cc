// Vector stores over a real store and an encoder that costs nothing, with a clock that is set.
#include "server/vector_stores/vector_stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/file.h"
#include "server/http_error.h"
#include "server/vector_stores/json.h"
#include "server/vector_stores/worker.h"
#include "tests/support/errors.h"
#include "tests/support/fake_encoder.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;
using Status = VectorStoreFile::Status;

constexpr std::int64_t kDay_s = 86'400;
constexpr std::chrono::milliseconds kPause(20);

std::vector<AddedFile> batch_of(const json& body) {
  return parse_file_batch(Fields(body));
}

IngestRequest bird(const std::string& text, const std::string& source) {
  IngestRequest request;
  request.bytes = text;
  request.source = source;
  request.collection = "birds";
  return request;
}

class VectorStoresTest : public ::testing::Test {
 protected:
  VectorStoresTest() {
    // Texts with this word wait until they may go on.
    encoder_.on_text = [this](const std::string& text) {
      if (text.find("hold") == std::string::npos) return;
      ++held_;
      while (is_holding_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    start();
  }
  ~VectorStoresTest() override {
    is_holding_ = false;
    end();
  }

  // As a server that is ended, at whatever moment, and started again.
  void end() {
    worker_.reset();
    stores_.reset();
    ingestor_.reset();
    attributes_.reset();
    index_.reset();
    files_.reset();
    store_.reset();
  }
  void start(bool with_worker = true, bool read_only = false,
             std::uint64_t reserve_bytes = StoreOptions().reserve_bytes) {
    end();
    store_ = Store::open(folder_.path() / "store", {.reserve_bytes = reserve_bytes});
    index_ = DenseIndex::open(*store_, {});
    attributes_ = std::make_unique<AttributeIndex>(*store_);
    ingestor_ = std::make_unique<Ingestor>(*store_, *index_, *attributes_, encoder_, analysis_);
    files_.emplace(store_->folder(), read_only);
    stores_ = std::make_unique<VectorStores>(VectorStoreSurroundings{
        .store = *store_,
        .ingestor = read_only ? nullptr : ingestor_.get(),
        .files = *files_,
        .passage_tokens =
            [this](std::size_t asked) { return chunk_options(encoder_, asked).max_tokens; },
        .now_unix_s = [this] { return now_.load(); }});
    if (with_worker) start_worker();
  }
  void start_worker() {
    worker_ = std::make_unique<VectorStoreWorker>(*stores_, *ingestor_, *files_, kPause);
  }

  std::string upload(const std::string& text, const std::string& name = "a.txt") {
    return files_->add(name, "assistants", text).id;
  }
  std::string create(const json& body = json::object()) {
    return stores_->create(parse_vector_store(Fields(body))).store.id;
  }
  std::string add(const std::string& id, const std::string& file, const json& more = {}) {
    json body = {{"file_id", file}};
    if (!more.is_null()) body.update(more);
    return stores_->add_file(id, parse_added_file(Fields(body))).file.id;
  }
  VectorStoreFileView wait_for(const std::string& id, const std::string& file) {
    wait_until([&] { return stores_->find_file(id, file).file.status != Status::kInProgress; });
    return stores_->find_file(id, file);
  }
  void wait_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_TRUE(condition());
  }
  void wait_until_held() {
    wait_until([&] { return held_ > 0; });
  }
  bool has_document(const std::string& id, const std::string& file) const {
    return store_->get_header(id, file).has_value();
  }
  std::set<std::string> ids() const {
    std::set<std::string> ids;
    for (const ListPlace& place : stores_->places()) ids.insert(place.id);
    return ids;
  }
  std::set<std::string> file_ids(const std::string& id,
                                 std::optional<Status> status = std::nullopt) const {
    std::set<std::string> ids;
    for (const ListPlace& place : stores_->file_places(id, "", status)) ids.insert(place.id);
    return ids;
  }
  fs::path folder_of(const std::string& id) const {
    return folder_.path() / "store" / "vector_stores" / id;
  }
  // The status of what is refused, with the field at fault.
  template <typename Call>
  static std::string refusal(const Call& call) {
    try {
      call();
    } catch (const RequestError& error) {
      return std::to_string(error.status()) + " " + error.param();
    }
    return "nothing was thrown";
  }

  testing::TemporaryFolder folder_;
  testing::FakeEncoder encoder_{"fake-1", 16, 202};
  TextAnalysis analysis_;
  std::atomic<std::int64_t> now_ = 1'800'000'000;
  std::atomic<bool> is_holding_ = false;
  std::atomic<int> held_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::unique_ptr<AttributeIndex> attributes_;
  std::unique_ptr<Ingestor> ingestor_;
  std::optional<UploadedFiles> files_;
  std::unique_ptr<VectorStores> stores_;
  std::unique_ptr<VectorStoreWorker> worker_;
};

TEST_F(VectorStoresTest, AFileBecomesADocumentOfItsCollection) {
  const std::string id = create({{"name", "birds"}, {"metadata", {{"a", "b"}}}});
  EXPECT_THAT(id, StartsWith("vs_"));
  const std::string file = upload("Herons stand on one leg.", "herons.txt");
  add(id, file, {{"attributes", {{"year", 2020}}}});
  const VectorStoreFileView view = wait_for(id, file);
  EXPECT_EQ(view.file.status, Status::kCompleted);
  EXPECT_GT(view.usage_bytes, 0u);
  const auto document = store_->get_document(id, file);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->source, "herons.txt");
  EXPECT_EQ(document->text, "Herons stand on one leg.");
  EXPECT_EQ(document->attributes, (Attributes{{"year", 2020.0}}));
  const VectorStoreView store = stores_->find(id);
  EXPECT_EQ(store.store.name, "birds");
  EXPECT_EQ(store.files.completed, 1u);
  EXPECT_EQ(store.usage_bytes, view.usage_bytes);
}

TEST_F(VectorStoresTest, WhatIsAcknowledgedIsThereAfterARestart) {
  const std::string id = create({{"name", "birds"},
                                 {"description", "of the coast"},
                                 {"metadata", {{"a", "b"}}},
                                 {"expires_after", {{"anchor", "last_active_at"}, {"days", 3}}}});
  const std::string done = upload("done");
  add(id, done);
  wait_for(id, done);
  const std::string broken = upload(std::string("\x7f"
                                                "ELF\0\1\2\3",
                                                8),
                                    "broken.bin");
  add(id, broken);
  wait_for(id, broken);
  start(false);
  std::vector<std::string> waiting;
  waiting.reserve(3);
  for (int i = 0; i < 3; ++i) waiting.push_back(upload("text " + std::to_string(i)));
  const FileBatchView batch = stores_->add_batch(
      id, batch_of({{"file_ids", {waiting[0], waiting[1]}}, {"attributes", {{"k", true}}}}));
  add(id, waiting[2], {{"attributes", {{"k", "v"}}}});
  const json before = to_json(stores_->find(id));
  EXPECT_EQ(
      before["file_counts"],
      (json{{"in_progress", 3}, {"completed", 1}, {"failed", 1}, {"cancelled", 0}, {"total", 5}}));
  EXPECT_EQ(before["status"], "in_progress");
  const json broken_before = to_json(stores_->find_file(id, broken));
  EXPECT_EQ(broken_before["last_error"]["code"], "unsupported_file");

  start(false);
  EXPECT_EQ(to_json(stores_->find(id)), before);
  EXPECT_EQ(to_json(stores_->find_file(id, broken)), broken_before);
  EXPECT_EQ(to_json(stores_->find_batch(id, batch.batch.id)), to_json(batch));
  start_worker();
  for (const std::string& file : waiting) {
    EXPECT_EQ(wait_for(id, file).file.status, Status::kCompleted);
  }
  EXPECT_EQ(store_->get_header(id, waiting[0])->attributes, (Attributes{{"k", true}}));
  EXPECT_EQ(store_->get_header(id, waiting[2])->attributes, (Attributes{{"k", "v"}}));
  EXPECT_EQ(to_json(stores_->find_batch(id, batch.batch.id))["status"], "completed");
  EXPECT_EQ(to_json(stores_->find(id))["status"], "completed");
}

TEST_F(VectorStoresTest, AFileThatIsBeingReadIsReadAgainAfterARestart) {
  const std::string id = create();
  is_holding_ = true;
  const std::string file = upload("hold this");
  add(id, file);
  wait_until_held();
  std::thread ending([this] { end(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  is_holding_ = false;
  ending.join();
  start(false);
  EXPECT_EQ(stores_->find_file(id, file).file.status, Status::kInProgress);
  EXPECT_FALSE(has_document(id, file)) << "a server that stops writes nothing more";
  start_worker();
  EXPECT_EQ(wait_for(id, file).file.status, Status::kCompleted);
}

TEST_F(VectorStoresTest, FilesAreReadInTheOrderOfTheirComing) {
  const std::string first = create();
  const std::string second = create();
  worker_.reset();
  std::vector<std::string> order;
  encoder_.on_text = [&](const std::string& text) {
    order.push_back(text.substr(text.rfind('n')));
  };
  for (const char* const text : {"n1", "n2", "n3", "n4"}) {
    add(text[1] % 2 == 0 ? first : second, upload(text));
  }
  start_worker();
  wait_until([&] { return !stores_->next_file(); });
  worker_.reset();
  EXPECT_THAT(order, ElementsAre("n1", "n2", "n3", "n4"));
}

TEST_F(VectorStoresTest, WhatIsWrongWithAFileIsItsLastError) {
  const std::string id = create();
  const struct {
    std::string bytes;
    const char* name;
    const char* code;
  } cases[] = {{std::string("\x7f"
                            "ELF\0\1\2\3",
                            8),
                "a.bin", "unsupported_file"},
               {"", "empty.txt", "invalid_file"},
               {"%PDF-1.7 and nothing more", "a.pdf", "invalid_file"},
               {"PK\x03\x04 cut off", "a.docx", "invalid_file"}};
  for (const auto& [bytes, name, code] : cases) {
    const std::string file = upload(bytes, name);
    add(id, file);
    const VectorStoreFileView view = wait_for(id, file);
    EXPECT_EQ(view.file.status, Status::kFailed) << name;
    EXPECT_EQ(view.file.error_code, code) << name;
    EXPECT_FALSE(view.file.error_message.empty());
  }
  EXPECT_EQ(stores_->find(id).files.failed, 4u);
  EXPECT_THAT(file_ids(id, Status::kFailed), ::testing::SizeIs(4));
  EXPECT_THAT(file_ids(id, Status::kCompleted), IsEmpty());
}

TEST_F(VectorStoresTest, AFullDiskKeepsFilesWaiting) {
  const std::string id = create();
  start(true, false, UINT64_MAX / 2);
  const std::string file = upload("Herons");
  add(id, file);
  std::this_thread::sleep_for(5 * kPause);
  EXPECT_EQ(stores_->find_file(id, file).file.status, Status::kInProgress);
  EXPECT_FALSE(has_document(id, file));
  start();
  EXPECT_EQ(wait_for(id, file).file.status, Status::kCompleted);
}

TEST_F(VectorStoresTest, ADeletedStoreIsGoneAtOnceAndItsDocumentsSoon) {
  const std::string id = create();
  const std::string file = upload("Herons");
  add(id, file);
  wait_for(id, file);
  worker_.reset();
  stores_->remove(id);
  for (const bool restarted : {false, true}) {
    if (restarted) start(false);
    EXPECT_TRUE(has_document(id, file));
    EXPECT_THAT(ids(), IsEmpty());
    EXPECT_FALSE(stores_->is_served(id));
    EXPECT_EQ(refusal([&] { stores_->find(id); }), "404 vector_store_id");
    EXPECT_EQ(refusal([&] { stores_->check_searchable(id); }), "404 vector_store_id");
    EXPECT_EQ(refusal([&] { stores_->find_file(id, file); }), "404 vector_store_id");
    EXPECT_EQ(refusal([&] { stores_->remove(id); }), "404 vector_store_id");
    EXPECT_EQ(refusal([&] { add(id, file); }), "404 vector_store_id");
  }
  start_worker();
  wait_until([&] { return !has_document(id, file); });
  wait_until([&] { return !exists(folder_of(id)); });
  EXPECT_THAT(ids(), IsEmpty()) << "an empty collection is no vector store";
  EXPECT_TRUE(files_->find(file)) << "the uploaded file stays";
}

TEST_F(VectorStoresTest, AStoreThatIsDeletedWhileAFileIsReadStaysEmpty) {
  const std::string id = create();
  is_holding_ = true;
  const std::string file = upload("hold this");
  const std::string waiting = upload("and this");
  add(id, file);
  add(id, waiting);
  wait_until_held();
  stores_->remove(id);
  is_holding_ = false;
  wait_until([&] { return !exists(folder_of(id)); });
  worker_.reset();
  EXPECT_FALSE(has_document(id, file));
  EXPECT_FALSE(has_document(id, waiting));
}

TEST_F(VectorStoresTest, AFileThatIsTakenOutWhileItIsReadStaysOut) {
  const std::string id = create();
  is_holding_ = true;
  const std::string file = upload("hold this");
  add(id, file);
  wait_until_held();
  stores_->remove_file(id, file);
  EXPECT_EQ(refusal([&] { stores_->find_file(id, file); }), "404 file_id");
  EXPECT_TRUE(stores_->file_place(id, file)) << "for who pages on from it";
  is_holding_ = false;
  const std::string next = upload("next");
  add(id, next);
  wait_for(id, next);
  EXPECT_FALSE(has_document(id, file));
  EXPECT_THAT(file_ids(id), ElementsAre(next));
}

TEST_F(VectorStoresTest, AnUploadedFileThatIsDeletedLeavesEveryStore) {
  const std::string one = create();
  const std::string two = create();
  const std::string file = upload("Herons");
  for (const std::string& id : {one, two}) add(id, file);
  for (const std::string& id : {one, two}) wait_for(id, file);
  files_->remove(file);
  stores_->forget_file(file);
  for (const std::string& id : {one, two}) {
    EXPECT_THAT(file_ids(id), IsEmpty());
    EXPECT_FALSE(has_document(id, file));
  }
}

TEST_F(VectorStoresTest, ACrashBetweenAFileAndItsStoresIsMadeGood) {
  const std::string id = create();
  const std::string file = upload("Herons");
  add(id, file);
  wait_for(id, file);
  worker_.reset();
  files_->remove(file);
  start();
  wait_until([&] { return file_ids(id).empty(); });
  EXPECT_FALSE(has_document(id, file));
}

TEST_F(VectorStoresTest, AStoreExpiresWhenItWasNotUsedForLong) {
  const std::string id = create({{"expires_after", {{"anchor", "last_active_at"}, {"days", 2}}}});
  const std::string file = upload("Herons");
  add(id, file);
  wait_for(id, file);
  now_ += kDay_s;
  stores_->check_searchable(id);  // which is a use
  now_ += 2 * kDay_s - 1;
  start();
  EXPECT_EQ(to_json(stores_->find(id))["expires_at"], now_ + 1);
  EXPECT_EQ(to_json(stores_->find(id))["status"], "completed");
  worker_.reset();
  now_ += 1;
  VectorStoreChange later;
  later.expires_after_days = 100;
  for (const bool cleaned : {false, true}) {
    if (cleaned) {
      start();
      wait_until([&] { return !has_document(id, file); });
      wait_until([&] { return !exists(folder_of(id) / "files"); });
    }
    const json expired = to_json(stores_->find(id));
    EXPECT_EQ(expired["status"], "expired");
    EXPECT_EQ(expired["file_counts"]["total"], 0);
    EXPECT_THAT(file_ids(id), IsEmpty());
    EXPECT_FALSE(stores_->is_served(id));
    EXPECT_EQ(refusal([&] { stores_->check_searchable(id); }), "400 vector_store_id");
    EXPECT_EQ(refusal([&] { add(id, file); }), "400 vector_store_id");
    EXPECT_EQ(refusal([&] { stores_->update(id, later); }), "400 vector_store_id");
    EXPECT_EQ(refusal([&] { stores_->find_file(id, file); }), "404 file_id");
  }
  EXPECT_THAT(ids(), ElementsAre(id));
  stores_->remove(id);
  wait_until([&] { return !exists(folder_of(id)); });
}

TEST_F(VectorStoresTest, ABatchIsCancelledButForWhatIsDone) {
  const std::string id = create();
  const std::string done = upload("done");
  const std::string held = upload("hold this");
  const std::string waiting = upload("waiting");
  is_holding_ = true;
  const std::string batch =
      stores_->add_batch(id, std::vector<AddedFile>{{done}, {held}, {waiting}}).batch.id;
  wait_until_held();
  const json cancelled = to_json(stores_->cancel_batch(id, batch));
  EXPECT_EQ(cancelled["status"], "cancelled");
  EXPECT_EQ(cancelled["file_counts"]["cancelled"], 2);
  EXPECT_EQ(cancelled["file_counts"]["completed"], 1);
  is_holding_ = false;
  start();
  EXPECT_EQ(to_json(stores_->find_batch(id, batch)), cancelled);
  EXPECT_FALSE(has_document(id, held));
  EXPECT_TRUE(has_document(id, done));
  EXPECT_FALSE(stores_->next_file());
  EXPECT_EQ(to_json(stores_->cancel_batch(id, batch)), cancelled) << "again";
}

TEST_F(VectorStoresTest, CancellingThatACrashInterruptedIsMadeGood) {
  start(false);
  const std::string id = create();
  const std::string file = upload("text");
  const std::string batch = stores_->add_batch(id, std::vector<AddedFile>{{file}}).batch.id;
  const fs::path record = folder_of(id) / "batches" / (batch + ".json");
  json changed = json::parse(read_file(record));
  changed["cancelled"] = true;
  write_file_atomic(record, changed.dump());
  start();
  EXPECT_EQ(stores_->find_file(id, file).file.status, Status::kCancelled);
}

TEST_F(VectorStoresTest, AttributesCanChangeBeforeAndAfterAFileIsRead) {
  const std::string id = create();
  const std::string file = upload("hold this");
  is_holding_ = true;
  add(id, file, {{"attributes", {{"old", 1}}}});
  wait_until_held();
  const Attributes early{{"early", true}};
  EXPECT_EQ(stores_->set_attributes(id, file, early).file.attributes, early);
  is_holding_ = false;
  EXPECT_EQ(wait_for(id, file).file.attributes, early);
  EXPECT_EQ(store_->get_header(id, file)->attributes, early);
  const Attributes late{{"late", "x"}};
  EXPECT_EQ(stores_->set_attributes(id, file, late).file.attributes, late);
  EXPECT_EQ(store_->get_header(id, file)->attributes, late);
  EXPECT_EQ(refusal([&] { stores_->set_attributes(id, "file-none", late); }), "404 file_id");
}

TEST_F(VectorStoresTest, PassagesAreAsShortAsWasAskedFor) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "word" + std::to_string(i) + (i % 10 == 9 ? ". " : " ");
  const std::string file = upload(text);
  const std::string id = create();
  const auto chunking = [](int most, int overlap) {
    return json{
        {"chunking_strategy",
         {{"type", "static"},
          {"static", {{"max_chunk_size_tokens", most}, {"chunk_overlap_tokens", overlap}}}}}};
  };
  const auto told = [&] { return to_json(wait_for(id, file))["chunking_strategy"]["static"]; };
  add(id, file);
  EXPECT_EQ(told()["max_chunk_size_tokens"], 200) << "as usual";
  const auto usual = store_->get_header(id, file)->passage_count;
  add(id, file, chunking(100, 50));
  EXPECT_EQ(told(), (json{{"max_chunk_size_tokens", 100}, {"chunk_overlap_tokens", 0}}));
  EXPECT_GT(store_->get_header(id, file)->passage_count, usual);
  for (const Passage& passage : store_->document_passages(id, file)) {
    EXPECT_LE(encoder_.tokenizer().count(passage.text), 100u);
  }
  EXPECT_EQ(stores_->find(id).files.total(), 1u);
  add(id, file, chunking(4096, 0));
  EXPECT_EQ(told()["max_chunk_size_tokens"], 200) << "what the encoder reads whole";
}

TEST_F(VectorStoresTest, EveryCollectionWithDocumentsIsAVectorStore) {
  ingestor_->ingest(bird("Herons", "birds/heron.txt"));
  const std::string heron = make_document_id("birds/heron.txt");
  EXPECT_THAT(ids(), ElementsAre("birds"));
  VectorStoreView view = stores_->find("birds");
  EXPECT_EQ(view.store.name, "birds");
  EXPECT_EQ(view.files.completed, 1u);
  EXPECT_EQ(to_json(stores_->find_file("birds", heron))["chunking_strategy"]["type"], "other");
  stores_->check_searchable("birds");
  EXPECT_FALSE(exists(folder_of("birds"))) << "looking at it writes nothing";

  const Attributes attributes{{"a", 1.0}};
  EXPECT_EQ(stores_->set_attributes("birds", heron, attributes).file.attributes, attributes);
  const std::string file = upload("Owls");
  add("birds", file);
  wait_for("birds", file);
  VectorStoreChange renamed;
  renamed.name = "All birds";
  stores_->update("birds", renamed);
  start();
  view = stores_->find("birds");
  EXPECT_EQ(view.store.name, "All birds");
  EXPECT_EQ(view.files.completed, 2u);
  EXPECT_THAT(file_ids("birds"), UnorderedElementsAre(heron, file));
  stores_->remove_file("birds", heron);
  EXPECT_THAT(file_ids("birds"), ElementsAre(file));
  stores_->remove("birds");
  EXPECT_THAT(ids(), IsEmpty());
  wait_until([&] { return stores_->is_served("birds"); });
  EXPECT_FALSE(has_document("birds", file));
}

TEST_F(VectorStoresTest, WhatIsIndexedAfterADeletionIsKept) {
  ingestor_->ingest(bird("Herons", "heron.txt"));
  worker_.reset();
  stores_->remove("birds");
  end();
  {
    const auto store = Store::open(folder_.path() / "store");
    const auto index = DenseIndex::open(*store, {});
    AttributeIndex attributes(*store);
    Ingestor(*store, *index, attributes, encoder_, analysis_).ingest(bird("Owls", "owl.txt"));
  }
  start();
  wait_until([&] { return stores_->is_served("birds"); });
  EXPECT_THAT(file_ids("birds"), ElementsAre(make_document_id("owl.txt")));
}

TEST_F(VectorStoresTest, BadRequestsAreRefusedAndChangeNothing) {
  const std::string id = create();
  const std::string file = upload("text");
  const auto refuses = [&](const char* param, const std::function<void()>& call) {
    EXPECT_EQ(refusal(call), std::string("400 ") + param);
  };
  const json days_0 = {{"anchor", "last_active_at"}, {"days", 0}};
  const json days_366 = {{"anchor", "last_active_at"}, {"days", 366}};
  const json no_days = {{"anchor", "last_active_at"}};
  const json anchor = {{"anchor", "created_at"}, {"days", 1}};
  json many_pairs;
  for (int i = 0; i < 17; ++i) many_pairs["k" + std::to_string(i)] = "v";
  const std::pair<const char*, json> bodies[] = {
      {"name", {{"name", 1}}},
      {"name", {{"name", std::string(257, 'a')}}},
      {"metadata", {{"metadata", "x"}}},
      {"metadata", {{"metadata", many_pairs}}},
      {"metadata", {{"metadata", {{std::string(65, 'k'), "v"}}}}},
      {"metadata.k", {{"metadata", {{"k", std::string(513, 'v')}}}}},
      {"metadata.k", {{"metadata", {{"k", 1}}}}},
      {"expires_after", {{"expires_after", 3}}},
      {"expires_after.days", {{"expires_after", days_0}}},
      {"expires_after.days", {{"expires_after", days_366}}},
      {"expires_after.days", {{"expires_after", no_days}}},
      {"expires_after.anchor", {{"expires_after", anchor}}},
      {"file_ids", {{"file_ids", "file-1"}}},
      {"file_ids[1]", {{"file_ids", {file, 3}}}},
      {"file_ids", {{"file_ids", std::vector<std::string>(kMaxFilesAtOnce + 1, file)}}},
      {"chunking_strategy.type", {{"file_ids", {file}}, {"chunking_strategy", {{"type", "odd"}}}}},
  };
  for (const auto& one : bodies) refuses(one.first, [&] { create(one.second); });

  const auto sizes = [](const json& fields) {
    return json{{"chunking_strategy", {{"type", "static"}, {"static", fields}}}};
  };
  const std::string most = "chunking_strategy.static.max_chunk_size_tokens";
  const std::string overlap = "chunking_strategy.static.chunk_overlap_tokens";
  refuses(most.c_str(), [&] { add(id, file, sizes({{"max_chunk_size_tokens", 99}})); });
  refuses(most.c_str(), [&] { add(id, file, sizes({{"max_chunk_size_tokens", 4097}})); });
  refuses(most.c_str(), [&] { add(id, file, sizes(json::object())); });
  refuses(overlap.c_str(), [&] {
    add(id, file, sizes({{"max_chunk_size_tokens", 100}, {"chunk_overlap_tokens", 51}}));
  });
  refuses("attributes", [&] { add(id, file, {{"attributes", {{"k", {1}}}}}); });
  refuses("file_ids", [&] { batch_of(json::object()); });
  refuses("files", [&] { batch_of({{"file_ids", {file}}, {"files", json::array()}}); });
  refuses("files[0].file_id", [&] { batch_of({{"files", json::array({json::object()})}}); });
  for (const char* const odd : {"", "..", "../..", "a/b", "file-none", "vs_none"}) {
    EXPECT_EQ(refusal([&] { stores_->find(odd); }), "404 vector_store_id") << odd;
    EXPECT_EQ(refusal([&] { stores_->remove(odd); }), "404 vector_store_id") << odd;
    EXPECT_EQ(refusal([&] { stores_->find_file(id, odd); }), "404 file_id") << odd;
    EXPECT_EQ(refusal([&] { stores_->remove_file(id, odd); }), "404 file_id") << odd;
    EXPECT_EQ(refusal([&] { add(id, std::string("x") + odd); }), "404 file_id") << odd;
    EXPECT_EQ(refusal([&] { stores_->cancel_batch(id, odd); }), "404 batch_id") << odd;
  }
  EXPECT_EQ(refusal([&] { create({{"file_ids", {"file-none"}}}); }), "404 file_id");
  EXPECT_THAT(ids(), ElementsAre(id));
  EXPECT_EQ(stores_->find(id).files.total(), 0u);
}

TEST_F(VectorStoresTest, NullTakesAwayAndAbsenceKeeps) {
  const std::string id = create({{"name", "birds"},
                                 {"metadata", {{"a", "b"}}},
                                 {"expires_after", {{"anchor", "last_active_at"}, {"days", 3}}}});
  const auto update = [&](const json& body) {
    return to_json(stores_->update(id, parse_vector_store_change(Fields(body))));
  };
  json changed = update({{"name", nullptr}});
  EXPECT_EQ(changed["name"], "birds");
  EXPECT_EQ(changed["metadata"], (json{{"a", "b"}}));
  EXPECT_EQ(changed["expires_after"]["days"], 3);
  changed = update({{"metadata", nullptr}, {"expires_after", nullptr}});
  EXPECT_EQ(changed["metadata"], json::object());
  EXPECT_EQ(changed["expires_after"], nullptr);
  EXPECT_EQ(changed["expires_at"], nullptr);
}

TEST_F(VectorStoresTest, DamagedRecordsAndLeftoversHideNoOthers) {
  const std::string id = create();
  const std::string file = upload("text");
  add(id, file);
  wait_for(id, file);
  end();
  write_file_atomic(folder_of(id) / "files" / "file-x.json", "{");
  write_file_atomic(folder_of(id) / "files" / "file-y.json", R"({"version": 9})");
  write_file_atomic(folder_of(id) / "files" / "file-z.json.tmp.1.2", "{");
  fs::create_directories(folder_of("vs_broken"));
  write_file_atomic(folder_of("vs_broken") / "store.json", R"({"version": 1})");
  fs::create_directories(folder_of("vs_unfinished") / "files");
  start();
  EXPECT_THAT(ids(), ElementsAre(id));
  EXPECT_THAT(file_ids(id), ElementsAre(file));
  EXPECT_FALSE(exists(folder_of("vs_unfinished")));
  EXPECT_FALSE(exists(folder_of(id) / "files" / "file-z.json.tmp.1.2"));
}

TEST_F(VectorStoresTest, WhoMayOnlyReadWritesNothing) {
  const std::string id = create({{"expires_after", {{"anchor", "last_active_at"}, {"days", 1}}}});
  end();
  fs::create_directories(folder_of("vs_unfinished"));
  now_ += kDay_s - 1;
  start(false, true);
  EXPECT_TRUE(exists(folder_of("vs_unfinished")));
  stores_->check_searchable(id);
  EXPECT_EQ(stores_->find(id).store.last_active_at_unix_s, now_);
  start(false, true);
  EXPECT_EQ(stores_->find(id).store.last_active_at_unix_s, now_ - kDay_s + 1);
}

}  // namespace
}  // namespace tandem
