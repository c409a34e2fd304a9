// What lexical search counts, and the postings made of it.
#include <map>

#include "base/error.h"
#include "store/postings.h"
#include "store/rocks_store.h"

namespace tandem {

PostingsSnapshot RocksStore::read_postings(std::string_view name,
                                           std::span<const std::string> terms) const {
  const auto reading = records_.begin_reading();
  PostingsSnapshot postings;
  postings.terms.assign(terms.size(), std::make_shared<TermPostings>());
  if (!records_.has(Family::kPostings)) return postings;
  rocksdb::ManagedSnapshot snapshot(&records_.db());
  const auto record = records_.get(Family::kCollections, name, snapshot.snapshot());
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
      it.reset(records_.db().NewIterator(options, records_.handle(Family::kPostings)));
    }
    auto read = std::make_shared<TermPostings>();
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      read->buckets.push_back(
          {format::bucket_of_key(view(it->key()), prefix), read->bytes.size(), it->value().size()});
      read->bytes.append(view(it->value()));
      read->passage_count += posting_count(view(it->value()));
    }
    if (!it->status().ok()) throw_status(it->status(), "cannot read postings");
    postings_cache_.insert(prefix, collection.changes, read);
    postings.terms[i] = std::move(read);
  }
  return postings;
}

void RocksStore::restart_terms(const std::string& analysis) {
  const std::lock_guard writing(write_mutex_);
  make_writable();
  rocksdb::WriteBatch batch;
  StoreSettings settings = state_.settings;
  settings.analysis = analysis;
  records_.put(batch, Family::kMeta, format::kSettingsKey, format::encode_settings(settings));
  auto collections = state_.collections;
  for (auto& [name, record] : collections) {
    record.passages_with_terms = 0;
    record.total_length = 0;
    record.changes += 1;
    records_.put(batch, Family::kCollections, name, format::encode_collection(record));
    for (const Family family : {Family::kTerms, Family::kPostings}) {
      records_.erase_range(batch, family, format::collection_prefix(record.number),
                           format::collection_prefix(record.number + 1));
    }
  }
  records_.commit(batch);
  const std::unique_lock lock(state_mutex_);
  state_.settings = settings;
  state_.collections = std::move(collections);
}

std::vector<Passage> RocksStore::passages_without_terms(PassageId after, std::size_t limit) const {
  const auto reading = records_.begin_reading();
  std::vector<Passage> passages;
  if (after == UINT64_MAX || !records_.has(Family::kTerms)) return passages;
  rocksdb::ManagedSnapshot snapshot(&records_.db());
  rocksdb::ReadOptions options;
  options.snapshot = snapshot.snapshot();
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> it(
      records_.db().NewIterator(options, records_.handle(Family::kPassages)));
  const std::string first = format::passage_key(after + 1);
  for (it->Seek(first); it->Valid() && passages.size() < limit; it->Next()) {
    const PassageId id = format::passage_of_passage_key(view(it->key()));
    const auto collection = format::decode_passage(view(it->value())).collection;
    const auto terms = records_.get(Family::kTerms, format::collection_passage_key(collection, id),
                                    snapshot.snapshot());
    if (!terms) passages.push_back(to_passage(id, view(it->value())));
  }
  if (!it->status().ok()) throw_status(it->status(), "cannot read from the store");
  return passages;
}

void RocksStore::add_terms(std::span<const Passage> passages, std::span<const PassageTerms> terms) {
  TANDEM_CHECK(passages.size() == terms.size());
  const std::lock_guard writing(write_mutex_);
  make_writable();
  rocksdb::WriteBatch batch;
  PostingChanges postings;
  std::map<std::string, CollectionRecord> changed;
  for (std::size_t i = 0; i < passages.size(); ++i) {
    const PassageId id = passages[i].id;
    const auto known = find_collection(passages[i].collection);
    if (!known || !records_.get(Family::kPassages, format::passage_key(id)) ||
        records_.get(Family::kTerms, format::collection_passage_key(known->number, id))) {
      continue;
    }
    CollectionRecord& collection =
        changed.try_emplace(passages[i].collection, *known).first->second;
    put_terms(batch, collection, id, terms[i], postings);
  }
  for (const auto& [name, record] : changed) {
    records_.put(batch, Family::kCollections, name, format::encode_collection(record));
  }
  merge(batch, postings);
  records_.commit(batch);
  for (const auto& [name, record] : changed) remember(name, record);
}

}  // namespace tandem
