#include "store/store.h"

#include <rocksdb/snapshot.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <random>
#include <shared_mutex>

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "store/database.h"
#include "store/format.h"
#include "store/posting_changes.h"
#include "store/postings_cache.h"
#include "store/store_folder.h"

namespace tandem {
namespace {

using format::CollectionRecord;

constexpr std::size_t kMaxDocumentIdBytes = 512;

void check_document_id(std::string_view id) {
  const bool printable = std::none_of(id.begin(), id.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (id.empty() || id.size() > kMaxDocumentIdBytes || !printable || !is_valid_utf8(id)) {
    throw Error(ErrorCode::kInvalidArgument, "this is not a document id",
                "use 1 to " + std::to_string(kMaxDocumentIdBytes) +
                    " bytes of UTF-8 without control characters");
  }
}

std::string random_identity() {
  std::random_device device;
  std::string seed;
  for (int i = 0; i < 8; ++i) seed += std::to_string(device()) + ' ';
  return sha256_hex(seed).substr(0, 32);
}

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

CollectionInfo info_of(std::string_view name, const CollectionRecord& record) {
  return {std::string(name), record.document_count, record.passage_count,
          record.passages_with_terms};
}

class RocksStore : public Store {
 public:
  RocksStore(const std::filesystem::path& folder, const StoreOptions& options)
      : folder_(folder),
        options_(options),
        postings_cache_(options.postings_cache_bytes),
        database_(std::make_unique<Database>(folder / "db", options.read_only)) {
    load();
    if (!options_.read_only) raise_store_version(folder);
    if (identity_.empty() && !options_.read_only) {
      identity_ = random_identity();
      rocksdb::WriteBatch batch;
      put(batch, Family::kMeta, format::kIdentityKey, format::encode_identity(identity_));
      commit(batch);
    }
  }

  const std::filesystem::path& folder() const override { return folder_; }
  const std::string& identity() const override { return identity_; }

  StoreSettings settings() const override {
    const std::shared_lock lock(state_mutex_);
    return settings_;
  }

  void set_settings(const StoreSettings& settings) override {
    const std::lock_guard writing(write_mutex_);
    make_writable();
    rocksdb::WriteBatch batch;
    put(batch, Family::kMeta, format::kSettingsKey, format::encode_settings(settings));
    commit(batch);
    const std::unique_lock lock(state_mutex_);
    settings_ = settings;
  }

  StoreChange put_document(const Document& document, std::span<const Passage> passages,
                           std::span<const float> vectors,
                           std::span<const PassageTerms> terms) override {
    check_collection_name(document.collection);
    check_document_id(document.id);
    check_attributes(document.attributes);
    const std::lock_guard writing(write_mutex_);
    make_writable();
    check_vectors(passages.size(), vectors);
    TANDEM_CHECK(terms.empty() || terms.size() == passages.size());

    rocksdb::WriteBatch batch;
    PostingChanges postings;
    StoreChange change;
    CollectionRecord collection = find_or_number(document.collection);
    const std::string key = format::document_key(collection.number, document.id);
    if (const auto old = read_header(key, nullptr)) {
      erase(batch, collection, key, *old, postings, change);
    }

    Document header = document;
    header.first_passage = next_passage_;
    header.passage_count = static_cast<std::uint32_t>(passages.size());
    put(batch, Family::kDocuments, key, format::encode_document(header));
    put(batch, Family::kTexts, key, format::encode_text(document.text));
    const std::size_t dimension = passages.empty() ? 0 : vectors.size() / passages.size();
    for (std::size_t i = 0; i < passages.size(); ++i) {
      const PassageId id = next_passage_ + i;
      format::PassageRecord passage{passages[i], collection.number};
      passage.passage.document_id = document.id;
      passage.passage.title = document.title;
      passage.passage.ordinal = static_cast<std::uint32_t>(i);
      put(batch, Family::kPassages, format::passage_key(id), format::encode_passage(passage));
      put(batch, Family::kVectors, format::collection_passage_key(collection.number, id),
          format::encode_vector(vectors.subspan(i * dimension, dimension)));
      if (!terms.empty()) put_terms(batch, collection, id, terms[i], postings);
      change.added.push_back(id);
    }
    collection.document_count += 1;
    collection.passage_count += passages.size();
    // Moved on even if the write fails: a batch that failed half-way down the log may still come to
    // life when the log is replayed, and its ids must then be its own.
    next_passage_ += passages.size();
    put(batch, Family::kMeta, format::kNextPassageKey, format::encode_counter(next_passage_));
    put(batch, Family::kCollections, document.collection, format::encode_collection(collection));
    merge(batch, postings);
    commit(batch);
    remember(document.collection, collection);
    return change;
  }

  std::optional<Document> set_attributes(std::string_view name, std::string_view id,
                                         const Attributes& attributes) override {
    check_attributes(attributes);
    const std::lock_guard writing(write_mutex_);
    make_writable();
    const auto collection = find_collection(name);
    if (!collection) return std::nullopt;
    const std::string key = format::document_key(collection->number, id);
    auto document = read_header(key, nullptr);
    if (!document) return std::nullopt;
    document->attributes = attributes;
    rocksdb::WriteBatch batch;
    put(batch, Family::kDocuments, key, format::encode_document(*document));
    commit(batch);
    document->id = id;
    document->collection = name;
    return document;
  }

  StoreChange delete_document(std::string_view name, std::string_view id) override {
    const std::lock_guard writing(write_mutex_);
    make_writable();
    StoreChange change;
    auto collection = find_collection(name);
    if (!collection) return change;
    const std::string key = format::document_key(collection->number, id);
    const auto document = read_header(key, nullptr);
    if (!document) return change;
    rocksdb::WriteBatch batch;
    PostingChanges postings;
    erase(batch, *collection, key, *document, postings, change);
    put(batch, Family::kCollections, name, format::encode_collection(*collection));
    merge(batch, postings);
    commit(batch);
    remember(std::string(name), *collection);
    return change;
  }

  std::optional<Document> get_document(std::string_view name, std::string_view id) const override {
    const auto reading = begin_reading();
    const auto collection = find_collection(name);
    if (!collection) return std::nullopt;
    // The header and the text must be of the same moment.
    rocksdb::ManagedSnapshot snapshot(&database_->db());
    const std::string key = format::document_key(collection->number, id);
    auto document = read_header(key, snapshot.snapshot());
    if (!document) return std::nullopt;
    const auto text = get(Family::kTexts, key, snapshot.snapshot());
    if (!text) missing("the text of a document");
    document->text = format::decode_text(*text);
    document->id = id;
    document->collection = name;
    return document;
  }

  std::optional<Document> get_header(std::string_view name, std::string_view id) const override {
    const auto reading = begin_reading();
    const auto collection = find_collection(name);
    if (!collection) return std::nullopt;
    auto document = read_header(format::document_key(collection->number, id), nullptr);
    if (!document) return std::nullopt;
    document->id = id;
    document->collection = name;
    return document;
  }

  std::vector<Document> list_documents(std::string_view name, std::string_view after,
                                       std::size_t limit) const override {
    std::vector<Document> documents;
    if (limit == 0) return documents;
    scan_documents(name, after, [&](Document document) {
      documents.push_back(std::move(document));
      return documents.size() < limit;
    });
    return documents;
  }

  void for_each_document(std::string_view name,
                         const std::function<void(const Document&)>& visit) const override {
    scan_documents(name, "", [&](const Document& document) {
      visit(document);
      return true;
    });
  }

  std::vector<CollectionInfo> list_collections() const override {
    const std::shared_lock lock(state_mutex_);
    std::vector<CollectionInfo> infos;
    for (const auto& [name, record] : collections_) infos.push_back(info_of(name, record));
    return infos;
  }

  std::optional<CollectionInfo> get_collection(std::string_view name) const override {
    const auto record = find_collection(name);
    return record ? std::optional(info_of(name, *record)) : std::nullopt;
  }

  std::vector<std::optional<Passage>> get_passages(std::span<const PassageId> ids) const override {
    const auto reading = begin_reading();
    std::vector<std::string> keys;
    for (const PassageId id : ids) keys.push_back(format::passage_key(id));
    const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(ids.size());
    std::vector<rocksdb::Status> statuses(ids.size());
    database_->db().MultiGet({}, database_->family(Family::kPassages), slices.size(), slices.data(),
                             values.data(), statuses.data());
    std::vector<std::optional<Passage>> passages(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) throw_status(statuses[i], "cannot read a passage");
      passages[i] = to_passage(ids[i], view(values[i]));
    }
    return passages;
  }

  std::vector<Passage> document_passages(std::string_view name,
                                         std::string_view id) const override {
    std::vector<Passage> passages;
    read_passages(name, id, [&](Passage passage, std::uint32_t, const rocksdb::Snapshot*) {
      passages.push_back(std::move(passage));
    });
    return passages;
  }

  void for_each_passage(
      std::string_view name, std::string_view id,
      const std::function<void(const Passage&, std::span<const float>)>& visit) const override {
    std::vector<float> vector(settings().dimension);
    read_passages(
        name, id,
        [&](const Passage& passage, std::uint32_t collection, const rocksdb::Snapshot* snapshot) {
          const auto value = get(Family::kVectors,
                                 format::collection_passage_key(collection, passage.id), snapshot);
          if (!value) missing("the vector of a passage");
          format::decode_vector(*value, vector);
          visit(passage, vector);
        });
  }

  void for_each_vector(
      std::string_view name, PassageId after, PassageId last,
      const std::function<void(PassageId, std::span<const float>)>& visit) const override {
    const auto reading = begin_reading();
    const auto collection = find_collection(name);
    if (!collection || after == UINT64_MAX) return;
    std::vector<float> vector(settings().dimension);
    scan(Family::kVectors, collection->number,
         format::collection_passage_key(collection->number, after + 1),
         [&](std::string_view key, std::string_view value) {
           const PassageId id = format::passage_of_key(key);
           if (id > last) return false;
           format::decode_vector(value, vector);
           visit(id, vector);
           return true;
         });
  }

  PostingsSnapshot read_postings(std::string_view name,
                                 std::span<const std::string> terms) const override {
    const auto reading = begin_reading();
    PostingsSnapshot postings;
    postings.terms.assign(terms.size(), std::make_shared<TermPostings>());
    if (database_->family(Family::kPostings) == nullptr) return postings;
    rocksdb::ManagedSnapshot snapshot(&database_->db());
    const auto record = get(Family::kCollections, name, snapshot.snapshot());
    if (!record) return postings;
    const CollectionRecord collection = format::decode_collection(*record);
    postings.passage_count = collection.passages_with_terms;
    postings.total_length = collection.total_length;

    rocksdb::ReadOptions options;
    options.snapshot = snapshot.snapshot();
    std::unique_ptr<rocksdb::Iterator> it;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const std::string prefix = format::postings_prefix(collection.number, terms[i]);
      postings.terms[i] = postings_cache_.find(prefix, collection.changes);
      if (postings.terms[i]) continue;
      if (!it) {
        it.reset(database_->db().NewIterator(options, database_->family(Family::kPostings)));
      }
      auto read = std::make_shared<TermPostings>();
      for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
        read->buckets.push_back({format::bucket_of_key(view(it->key()), prefix), read->bytes.size(),
                                 it->value().size()});
        read->bytes.append(view(it->value()));
        read->passage_count += posting_count(view(it->value()));
      }
      if (!it->status().ok()) throw_status(it->status(), "cannot read postings");
      postings_cache_.insert(prefix, collection.changes, read);
      postings.terms[i] = std::move(read);
    }
    return postings;
  }

  void restart_terms(const std::string& analysis) override {
    const std::lock_guard writing(write_mutex_);
    make_writable();
    rocksdb::WriteBatch batch;
    StoreSettings settings = settings_;
    settings.analysis = analysis;
    put(batch, Family::kMeta, format::kSettingsKey, format::encode_settings(settings));
    auto collections = collections_;
    for (auto& [name, record] : collections) {
      record.passages_with_terms = 0;
      record.total_length = 0;
      record.changes += 1;
      put(batch, Family::kCollections, name, format::encode_collection(record));
      for (const Family family : {Family::kTerms, Family::kPostings}) {
        const auto status =
            batch.DeleteRange(database_->family(family), format::collection_prefix(record.number),
                              format::collection_prefix(record.number + 1));
        if (!status.ok()) throw_status(status, "cannot prepare a write to the store");
      }
    }
    commit(batch);
    const std::unique_lock lock(state_mutex_);
    settings_ = settings;
    collections_ = std::move(collections);
  }

  std::vector<Passage> passages_without_terms(PassageId after, std::size_t limit) const override {
    const auto reading = begin_reading();
    std::vector<Passage> passages;
    if (after == UINT64_MAX || database_->family(Family::kTerms) == nullptr) return passages;
    rocksdb::ManagedSnapshot snapshot(&database_->db());
    rocksdb::ReadOptions options;
    options.snapshot = snapshot.snapshot();
    options.fill_cache = false;
    std::unique_ptr<rocksdb::Iterator> it(
        database_->db().NewIterator(options, database_->family(Family::kPassages)));
    const std::string first = format::passage_key(after + 1);
    for (it->Seek(first); it->Valid() && passages.size() < limit; it->Next()) {
      const PassageId id = format::passage_of_passage_key(view(it->key()));
      const auto collection = format::decode_passage(view(it->value())).collection;
      const auto terms =
          get(Family::kTerms, format::collection_passage_key(collection, id), snapshot.snapshot());
      if (!terms) passages.push_back(to_passage(id, view(it->value())));
    }
    if (!it->status().ok()) throw_status(it->status(), "cannot read from the store");
    return passages;
  }

  void add_terms(std::span<const Passage> passages, std::span<const PassageTerms> terms) override {
    TANDEM_CHECK(passages.size() == terms.size());
    const std::lock_guard writing(write_mutex_);
    make_writable();
    rocksdb::WriteBatch batch;
    PostingChanges postings;
    std::map<std::string, CollectionRecord> changed;
    for (std::size_t i = 0; i < passages.size(); ++i) {
      const PassageId id = passages[i].id;
      const auto known = find_collection(passages[i].collection);
      if (!known || !get(Family::kPassages, format::passage_key(id), nullptr) ||
          get(Family::kTerms, format::collection_passage_key(known->number, id), nullptr)) {
        continue;
      }
      CollectionRecord& collection =
          changed.try_emplace(passages[i].collection, *known).first->second;
      put_terms(batch, collection, id, terms[i], postings);
    }
    for (const auto& [name, record] : changed) {
      put(batch, Family::kCollections, name, format::encode_collection(record));
    }
    merge(batch, postings);
    commit(batch);
    for (const auto& [name, record] : changed) remember(name, record);
  }

  std::vector<PassageId> deleted_passages(std::string_view name, PassageId last) const override {
    const auto reading = begin_reading();
    std::vector<PassageId> ids;
    const auto collection = find_collection(name);
    if (!collection) return ids;
    scan(Family::kTombstones, collection->number, format::collection_prefix(collection->number),
         [&](std::string_view key, std::string_view value) {
           const PassageId first = format::passage_of_key(key);
           const std::uint32_t count = format::decode_tombstone(value);
           for (PassageId id = first; id < first + count && id <= last; ++id) ids.push_back(id);
           return first <= last;
         });
    return ids;
  }

 private:
  // Also while database_mutex_ is held.
  void load() {
    const std::unique_lock lock(state_mutex_);
    if (const auto value = get(Family::kMeta, format::kNextPassageKey, nullptr)) {
      next_passage_ = std::max(next_passage_, format::decode_counter(*value));
    }
    if (const auto value = get(Family::kMeta, format::kSettingsKey, nullptr)) {
      settings_ = format::decode_settings(*value);
    }
    if (const auto value = get(Family::kMeta, format::kIdentityKey, nullptr)) {
      identity_ = format::decode_identity(*value);
    }
    collections_.clear();
    std::unique_ptr<rocksdb::Iterator> it(
        database_->db().NewIterator({}, database_->family(Family::kCollections)));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const CollectionRecord record = format::decode_collection(view(it->value()));
      collections_[it->key().ToString()] = record;
      names_[record.number] = it->key().ToString();
    }
    if (!it->status().ok()) throw_status(it->status(), "cannot read the list of collections");
  }

  void check_vectors(std::size_t passage_count, std::span<const float> vectors) const {
    const std::size_t dimension = settings_.dimension;
    if (passage_count > 0 && dimension == 0) {
      throw Error(ErrorCode::kInvalidArgument, "the store does not know its encoder yet",
                  "set the dimension of the vectors before the first document");
    }
    if (passage_count > UINT32_MAX || vectors.size() != passage_count * dimension) {
      throw Error(ErrorCode::kInvalidArgument,
                  std::to_string(vectors.size()) + " numbers were given for " +
                      std::to_string(passage_count) + " vectors of " + std::to_string(dimension),
                  "use the encoder that this store was made with");
    }
    if (!std::all_of(vectors.begin(), vectors.end(), [](float x) { return std::isfinite(x); })) {
      throw Error(ErrorCode::kInvalidArgument, "a vector has a value that is not a finite number",
                  "check the weights of the encoder");
    }
  }

  // Adds to `batch` what removes a document, and to what follows it what that changes.
  void erase(rocksdb::WriteBatch& batch, CollectionRecord& collection, std::string_view key,
             const Document& document, PostingChanges& postings, StoreChange& change) const {
    const std::uint32_t count = document.passage_count;
    erase_key(batch, Family::kDocuments, key);
    erase_key(batch, Family::kTexts, key);
    for (PassageId id = document.first_passage; id < document.first_passage + count; ++id) {
      erase_key(batch, Family::kPassages, format::passage_key(id));
      const std::string place = format::collection_passage_key(collection.number, id);
      erase_key(batch, Family::kVectors, place);
      if (const auto terms = get(Family::kTerms, place, nullptr)) {
        erase_key(batch, Family::kTerms, place);
        postings.remove(collection, id, format::decode_terms(*terms));
      }
      change.removed.push_back(id);
    }
    if (count > 0) {
      put(batch, Family::kTombstones,
          format::collection_passage_key(collection.number, document.first_passage),
          format::encode_tombstone(count));
    }
    collection.document_count -= 1;
    collection.passage_count -= count;
  }

  void put_terms(rocksdb::WriteBatch& batch, CollectionRecord& collection, PassageId id,
                 const PassageTerms& terms, PostingChanges& postings) const {
    put(batch, Family::kTerms, format::collection_passage_key(collection.number, id),
        format::encode_terms(terms));
    postings.add(collection, id, terms);
  }

  void merge(rocksdb::WriteBatch& batch, const PostingChanges& postings) const {
    for (const auto& [key, changes] : postings.by_key()) {
      const auto status =
          batch.Merge(database_->family(Family::kPostings), key, encode_posting_changes(changes));
      if (!status.ok()) throw_status(status, "cannot prepare a write to the store");
    }
  }

  void put(rocksdb::WriteBatch& batch, Family family, std::string_view key,
           const std::string& value) const {
    const auto status = batch.Put(database_->family(family), slice(key), value);
    if (!status.ok()) throw_status(status, "cannot prepare a write to the store");
  }
  void erase_key(rocksdb::WriteBatch& batch, Family family, std::string_view key) const {
    const auto status = batch.Delete(database_->family(family), slice(key));
    if (!status.ok()) throw_status(status, "cannot prepare a write to the store");
  }

  std::shared_lock<std::shared_mutex> begin_reading() const {
    std::shared_lock lock(database_mutex_);
    if (!database_) {
      throw Error(ErrorCode::kUnavailable,
                  "the store " + folder_.string() +
                      " could not be opened "
                      "again after a failed write",
                  "free some disk space and start the program again");
    }
    return lock;
  }

  // After a failed write RocksDB refuses all others. DB::Resume would lift that, but in 7.8 it
  // waits for ever if its own flush fails, so the database is opened again; while that does not
  // work either, it is opened for reading.
  void make_writable() {
    if (options_.read_only) {
      throw Error(ErrorCode::kInvalidArgument,
                  "the store " + folder_.string() + " is open for reading only",
                  "use a command or a server that opens it for writing");
    }
    if (!write_failed_) return;
    check_space(0);
    const std::unique_lock lock(database_mutex_);
    database_.reset();
    try {
      database_ = std::make_unique<Database>(folder_ / "db", false);
    } catch (const Error&) {
      database_ = std::make_unique<Database>(folder_ / "db", true);
      throw;
    }
    // The write that failed may have reached the log after all.
    load();
    write_failed_ = false;
  }

  // Turning a write away before it starts keeps RocksDB out of its error state in all but unlucky
  // cases. A write takes its size in the log and again in a table file.
  void check_space(std::uint64_t write_bytes) const {
    std::error_code failure;
    const auto space = std::filesystem::space(folder_, failure);
    if (failure || space.available >= options_.reserve_bytes + 2 * write_bytes) return;
    throw Error(ErrorCode::kResourceExhausted,
                "the disk that holds the store " + folder_.string() +
                    " is full: " + std::to_string(space.available >> 20) + " MiB are left",
                kDiskFullAdvice);
  }

  // Writes and syncs, after make_writable.
  void commit(rocksdb::WriteBatch& batch) {
    check_space(batch.GetDataSize());
    rocksdb::WriteOptions options;
    options.sync = true;
    const auto status = database_->db().Write(options, &batch);
    write_failed_ = !status.ok();
    if (write_failed_) throw_status(status, "cannot write to the store");
  }

  std::optional<std::string> get(Family family, std::string_view key,
                                 const rocksdb::Snapshot* snapshot) const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    std::string value;
    const auto status = database_->db().Get(options, database_->family(family), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) throw_status(status, "cannot read from the store");
    return value;
  }

  // Without the id and the collection, which the caller has.
  std::optional<Document> read_header(std::string_view key,
                                      const rocksdb::Snapshot* snapshot) const {
    const auto value = get(Family::kDocuments, key, snapshot);
    if (!value) return std::nullopt;
    return format::decode_document(*value);
  }

  // Calls visit(key, value) for the keys of one collection from `first` on, until it returns false.
  template <typename Visit>
  void scan(Family family, std::uint32_t collection, std::string_view first,
            const Visit& visit) const {
    const std::string end = format::collection_prefix(collection + 1);
    const rocksdb::Slice upper_bound = end;
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_bound;
    // A scan reads each block once; it must not push out what searches use.
    options.fill_cache = false;
    options.readahead_size = 1u << 20;
    std::unique_ptr<rocksdb::Iterator> it(
        database_->db().NewIterator(options, database_->family(family)));
    for (it->Seek(slice(first)); it->Valid(); it->Next()) {
      if (!visit(view(it->key()), view(it->value()))) break;
    }
    if (!it->status().ok()) throw_status(it->status(), "cannot read from the store");
  }

  // Calls visit(Document), without texts, for those after the id `after`, until it returns false.
  template <typename Visit>
  void scan_documents(std::string_view name, std::string_view after, const Visit& visit) const {
    const auto reading = begin_reading();
    const auto collection = find_collection(name);
    if (!collection) return;
    const std::string first = format::document_key(collection->number, after);
    scan(Family::kDocuments, collection->number, first,
         [&](std::string_view key, std::string_view value) {
           if (key == first) return true;
           Document document = format::decode_document(value);
           document.id = format::document_id_of_key(key);
           document.collection = name;
           return visit(std::move(document));
         });
  }

  // Calls visit(Passage, number of the collection, snapshot) for the passages of one document.
  template <typename Visit>
  void read_passages(std::string_view name, std::string_view id, const Visit& visit) const {
    const auto reading = begin_reading();
    const auto collection = find_collection(name);
    if (!collection) return;
    rocksdb::ManagedSnapshot snapshot(&database_->db());
    const auto document =
        read_header(format::document_key(collection->number, id), snapshot.snapshot());
    if (!document) return;
    for (std::uint32_t i = 0; i < document->passage_count; ++i) {
      const PassageId passage = document->first_passage + i;
      const auto value = get(Family::kPassages, format::passage_key(passage), snapshot.snapshot());
      if (!value) missing("a passage of a document");
      visit(to_passage(passage, *value), collection->number, snapshot.snapshot());
    }
  }

  Passage to_passage(PassageId id, std::string_view value) const {
    format::PassageRecord record = format::decode_passage(value);
    record.passage.id = id;
    const std::shared_lock lock(state_mutex_);
    const auto name = names_.find(record.collection);
    if (name == names_.end()) missing("the collection of a passage");
    record.passage.collection = name->second;
    return std::move(record.passage);
  }

  [[noreturn]] void missing(const char* what) const {
    throw Error(ErrorCode::kCorrupt, std::string(what) + " is missing in " + folder_.string(),
                "restore the store from a backup, or index the documents into a new one");
  }

  std::optional<CollectionRecord> find_collection(std::string_view name) const {
    const std::shared_lock lock(state_mutex_);
    const auto found = collections_.find(name);
    if (found == collections_.end()) return std::nullopt;
    return found->second;
  }

  // A number, once given, stays taken even if the write then fails, for the reason given with
  // next_passage_ in put_document.
  CollectionRecord find_or_number(std::string_view name) {
    if (const auto found = find_collection(name)) return *found;
    CollectionRecord record;
    const std::unique_lock lock(state_mutex_);
    record.number = names_.empty() ? 1 : names_.rbegin()->first + 1;
    names_[record.number] = name;
    return record;
  }

  void remember(const std::string& name, const CollectionRecord& record) {
    const std::unique_lock lock(state_mutex_);
    collections_[name] = record;
  }

  const std::filesystem::path folder_;
  const StoreOptions options_;
  mutable PostingsCache postings_cache_;
  std::string identity_;

  // Readers hold it shared while they read, so that make_writable may close what they read from.
  mutable std::shared_mutex database_mutex_;
  std::unique_ptr<Database> database_;  // null if it could not be opened again

  std::mutex write_mutex_;  // held during each write, and by whoever uses the two below
  PassageId next_passage_ = 1;
  bool write_failed_ = false;

  // Copies of records, so that searches need no read for them. Changed only by a thread that also
  // holds write_mutex_, which may therefore read them without this one.
  mutable std::shared_mutex state_mutex_;
  StoreSettings settings_;
  std::map<std::string, CollectionRecord, std::less<>> collections_;
  std::map<std::uint32_t, std::string> names_;  // by number
};

}  // namespace

std::unique_ptr<Store> Store::open(const std::filesystem::path& folder,
                                   const StoreOptions& options) {
  prepare_store_folder(folder, options);
  return std::make_unique<RocksStore>(folder, options);
}

std::string make_document_id(std::string_view source) {
  return "doc-" + sha256_hex(source).substr(0, 24);
}

void check_collection_name(std::string_view name) {
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
  if (name.empty() || name.size() > 64 || !allowed || name == "." || name == "..") {
    throw Error(ErrorCode::kInvalidArgument, "this is not the name of a collection",
                "use 1 to 64 letters, digits, '_', '.' or '-', but not \".\" or \"..\"");
  }
}

}  // namespace tandem
