// Documents, with all that is written and erased together with them.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "store/rocks_store.h"

namespace tandem {
namespace {

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

}  // namespace

StoreChange RocksStore::put_document(const Document& document, std::span<const Passage> passages,
                                     std::span<const float> vectors,
                                     std::span<const PassageTerms> terms) {
  check_collection_name(document.collection);
  check_document_id(document.id);
  check_attributes(document.attributes);
  const std::lock_guard writing(write_mutex_);
  make_writable();
  check_vectors(passages.size(), vectors, state_.settings.dimension);
  TANDEM_CHECK(terms.empty() || terms.size() == passages.size());

  rocksdb::WriteBatch batch;
  PostingChanges postings;
  StoreChange change;
  CollectionRecord collection = find_or_number(document.collection);
  const std::string key = format::document_key(collection.number, document.id);
  if (const auto old = read_header(key)) {
    erase(batch, collection, key, *old, postings, change);
  }

  Document header = document;
  header.readers = checked_readers(document.readers);
  header.first_passage = next_passage_;
  header.passage_count = static_cast<std::uint32_t>(passages.size());
  records_.put(batch, Family::kDocuments, key, format::encode_document(header));
  records_.put(batch, Family::kTexts, key, format::encode_text(document.text));
  const std::size_t dimension = passages.empty() ? 0 : vectors.size() / passages.size();
  const std::uint32_t live_set = live_vectors().number;
  for (std::size_t i = 0; i < passages.size(); ++i) {
    const PassageId id = next_passage_ + i;
    format::PassageRecord passage{passages[i], collection.number};
    passage.passage.document_id = document.id;
    passage.passage.title = document.title;
    passage.passage.ordinal = static_cast<std::uint32_t>(i);
    records_.put(batch, Family::kPassages, format::passage_key(id),
                 format::encode_passage(passage));
    const VectorKey place = vector_key(live_set, collection.number, id);
    records_.put(batch, place.family, place.key,
                 format::encode_vector(vectors.subspan(i * dimension, dimension)));
    if (!terms.empty()) put_terms(batch, collection, id, terms[i], postings);
    change.added.push_back(id);
  }
  collection.document_count += 1;
  collection.passage_count += passages.size();
  // Moved on even if the write fails: a batch that failed half-way down the log may still come to
  // life when the log is replayed, and its ids must then be its own.
  next_passage_ += passages.size();
  records_.put(batch, Family::kMeta, format::kNextPassageKey,
               format::encode_counter(next_passage_));
  records_.put(batch, Family::kCollections, document.collection,
               format::encode_collection(collection));
  merge(batch, postings);
  records_.commit(batch);
  remember(document.collection, collection);
  return change;
}

std::optional<Document> RocksStore::set_attributes(std::string_view name, std::string_view id,
                                                   const Attributes& attributes) {
  check_attributes(attributes);
  return change_header(name, id, [&](Document& document) { document.attributes = attributes; });
}

std::optional<Document> RocksStore::set_readers(std::string_view name, std::string_view id,
                                                const Readers& readers) {
  Readers checked = checked_readers(readers);
  return change_header(name, id, [&](Document& document) { document.readers = checked; });
}

std::optional<Document> RocksStore::change_header(std::string_view name, std::string_view id,
                                                  const std::function<void(Document&)>& change) {
  const std::lock_guard writing(write_mutex_);
  make_writable();
  const auto collection = find_collection(name);
  if (!collection) return std::nullopt;
  const std::string key = format::document_key(collection->number, id);
  auto document = read_header(key);
  if (!document) return std::nullopt;
  change(*document);
  rocksdb::WriteBatch batch;
  records_.put(batch, Family::kDocuments, key, format::encode_document(*document));
  records_.commit(batch);
  document->id = id;
  document->collection = name;
  return document;
}

StoreChange RocksStore::delete_document(std::string_view name, std::string_view id) {
  const std::lock_guard writing(write_mutex_);
  make_writable();
  StoreChange change;
  auto collection = find_collection(name);
  if (!collection) return change;
  const std::string key = format::document_key(collection->number, id);
  const auto document = read_header(key);
  if (!document) return change;
  rocksdb::WriteBatch batch;
  PostingChanges postings;
  erase(batch, *collection, key, *document, postings, change);
  records_.put(batch, Family::kCollections, name, format::encode_collection(*collection));
  merge(batch, postings);
  records_.commit(batch);
  remember(std::string(name), *collection);
  return change;
}

std::optional<Document> RocksStore::get_document(std::string_view name, std::string_view id) const {
  const auto reading = records_.begin_reading();
  const auto collection = find_collection(name);
  if (!collection) return std::nullopt;
  // The header and the text must be of the same moment.
  rocksdb::ManagedSnapshot snapshot(&records_.db());
  const std::string key = format::document_key(collection->number, id);
  auto document = read_header(key, snapshot.snapshot());
  if (!document) return std::nullopt;
  const auto text = records_.get(Family::kTexts, key, snapshot.snapshot());
  if (!text) missing("the text of a document");
  document->text = format::decode_text(*text);
  document->id = id;
  document->collection = name;
  return document;
}

std::optional<Document> RocksStore::get_header(std::string_view name, std::string_view id) const {
  const auto reading = records_.begin_reading();
  const auto collection = find_collection(name);
  if (!collection) return std::nullopt;
  auto document = read_header(format::document_key(collection->number, id));
  if (!document) return std::nullopt;
  document->id = id;
  document->collection = name;
  return document;
}

std::vector<Document> RocksStore::list_documents(std::string_view name, std::string_view after,
                                                 std::size_t limit) const {
  std::vector<Document> documents;
  if (limit == 0) return documents;
  scan_documents(name, after, [&](Document document) {
    documents.push_back(std::move(document));
    return documents.size() < limit;
  });
  return documents;
}

void RocksStore::for_each_document(std::string_view name,
                                   const std::function<void(const Document&)>& visit) const {
  scan_documents(name, "", [&](const Document& document) {
    visit(document);
    return true;
  });
}

void RocksStore::check_vectors(std::size_t passage_count, std::span<const float> vectors,
                               std::size_t dimension) const {
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
void RocksStore::erase(rocksdb::WriteBatch& batch, CollectionRecord& collection,
                       std::string_view key, const Document& document, PostingChanges& postings,
                       StoreChange& change) const {
  const std::uint32_t count = document.passage_count;
  const auto sets = known_sets();
  records_.erase(batch, Family::kDocuments, key);
  records_.erase(batch, Family::kTexts, key);
  for (PassageId id = document.first_passage; id < document.first_passage + count; ++id) {
    records_.erase(batch, Family::kPassages, format::passage_key(id));
    const std::string place = format::collection_passage_key(collection.number, id);
    for (const auto& [number, set] : sets) {
      if (id > set.known_up_to) continue;
      const VectorKey vector = vector_key(number, collection.number, id);
      records_.erase(batch, vector.family, vector.key);
    }
    if (const auto terms = records_.get(Family::kTerms, place)) {
      records_.erase(batch, Family::kTerms, place);
      postings.remove(collection, id, format::decode_terms(*terms));
    }
    change.removed.push_back(id);
  }
  if (count > 0) {
    records_.put(batch, Family::kTombstones,
                 format::collection_passage_key(collection.number, document.first_passage),
                 format::encode_tombstone(count));
  }
  collection.document_count -= 1;
  collection.passage_count -= count;
}

void RocksStore::put_terms(rocksdb::WriteBatch& batch, CollectionRecord& collection, PassageId id,
                           const PassageTerms& terms, PostingChanges& postings) const {
  records_.put(batch, Family::kTerms, format::collection_passage_key(collection.number, id),
               format::encode_terms(terms));
  postings.add(collection, id, terms);
}

void RocksStore::merge(rocksdb::WriteBatch& batch, const PostingChanges& postings) const {
  for (const auto& [key, changes] : postings.by_key()) {
    records_.merge(batch, Family::kPostings, key, encode_posting_changes(changes));
  }
}

// Without the id and the collection, which the caller has.
std::optional<Document> RocksStore::read_header(std::string_view key,
                                                const rocksdb::Snapshot* snapshot) const {
  const auto value = records_.get(Family::kDocuments, key, snapshot);
  if (!value) return std::nullopt;
  return format::decode_document(*value);
}

// Calls visit(Document), without texts, for those after the id `after`, until it returns false.
template <typename Visit>
void RocksStore::scan_documents(std::string_view name, std::string_view after,
                                const Visit& visit) const {
  const auto reading = records_.begin_reading();
  const auto collection = find_collection(name);
  if (!collection) return;
  const std::string first = format::document_key(collection->number, after);
  records_.scan(Family::kDocuments, first, format::collection_prefix(collection->number + 1),
                [&](std::string_view key, std::string_view value) {
                  if (key == first) return true;
                  Document document = format::decode_document(value);
                  document.id = format::document_id_of_key(key);
                  document.collection = name;
                  return visit(std::move(document));
                });
}

}  // namespace tandem
