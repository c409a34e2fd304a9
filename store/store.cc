// Opening, and what is kept in memory: settings and collections.
#include "store/store.h"

#include <algorithm>
#include <random>

#include "base/error.h"
#include "base/hash.h"
#include "store/rocks_store.h"
#include "store/store_folder.h"

namespace tandem {
namespace {

using format::CollectionRecord;

std::string random_identity() {
  std::random_device device;
  std::string seed;
  for (int i = 0; i < 8; ++i) seed += std::to_string(device()) + ' ';
  return sha256_hex(seed).substr(0, 32);
}

CollectionInfo info_of(std::string_view name, const CollectionRecord& record) {
  return {std::string(name), record.document_count, record.passage_count,
          record.passages_with_terms};
}

}  // namespace

RocksStore::RocksStore(const std::filesystem::path& folder, const StoreOptions& options)
    : folder_(folder),
      options_(options),
      postings_cache_(options.postings_cache_bytes),
      records_(folder, options) {
  load();
  if (options_.read_only) return;
  raise_store_version(folder);
  std::vector<std::uint32_t> releases;
  for (const auto& [number, release] : state_.releases) releases.push_back(number);
  std::vector<std::uint32_t> sets;
  for (const auto& [number, set] : known_sets()) sets.push_back(number);
  sweep_release_folders(folder, releases, sets);
  if (!identity_.empty()) return;
  identity_ = random_identity();
  rocksdb::WriteBatch batch;
  records_.put(batch, Family::kMeta, format::kIdentityKey, format::encode_identity(identity_));
  records_.commit(batch);
}

StoreSettings RocksStore::settings() const {
  const std::shared_lock lock(state_mutex_);
  return state_.settings;
}

void RocksStore::set_settings(const StoreSettings& settings) {
  const std::lock_guard writing(write_mutex_);
  make_writable();
  rocksdb::WriteBatch batch;
  records_.put(batch, Family::kMeta, format::kSettingsKey, format::encode_settings(settings));
  State next = state_;
  next.settings = settings;
  if (!next.releases.empty()) {
    Release& live = next.releases.at(next.numbers.live);
    const Release before = live;
    live.encoder_path = settings.encoder_path;
    live.encoder_id = settings.encoder_id;
    live.dimension = settings.dimension;
    live.generator_path = settings.generator_path;
    // Models of a release belong together, and other releases may have the set of its vectors.
    VectorSet& vectors = next.sets.at(live.vectors);
    const bool same_encoder =
        live.encoder_id == vectors.encoder_id && live.dimension == vectors.dimension;
    TANDEM_CHECK(live == before || before.files.empty());
    TANDEM_CHECK(same_encoder || next.releases.size() == 1);
    vectors.encoder_id = live.encoder_id;
    vectors.dimension = live.dimension;
    put_set(batch, vectors);
    put_release(batch, live);
  }
  records_.commit(batch);
  const std::unique_lock lock(state_mutex_);
  state_ = std::move(next);
}

void RocksStore::make_writable() {
  records_.make_writable([this] { load(); });
}

// Also while the database is closed to readers.
void RocksStore::load() {
  const std::unique_lock lock(state_mutex_);
  if (const auto value = records_.get(Family::kMeta, format::kNextPassageKey)) {
    next_passage_ = std::max(next_passage_.load(), format::decode_counter(*value));
  }
  if (const auto value = records_.get(Family::kMeta, format::kSettingsKey)) {
    state_.settings = format::decode_settings(*value);
  }
  if (const auto value = records_.get(Family::kMeta, format::kIdentityKey)) {
    identity_ = format::decode_identity(*value);
  }
  state_.collections.clear();
  std::unique_ptr<rocksdb::Iterator> it(
      records_.db().NewIterator({}, records_.handle(Family::kCollections)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const CollectionRecord record = format::decode_collection(view(it->value()));
    state_.collections[it->key().ToString()] = record;
    state_.names[record.number] = it->key().ToString();
  }
  if (!it->status().ok()) throw_status(it->status(), "cannot read the list of collections");
  load_releases();
}

std::vector<CollectionInfo> RocksStore::list_collections() const {
  const std::shared_lock lock(state_mutex_);
  std::vector<CollectionInfo> infos;
  for (const auto& [name, record] : state_.collections) infos.push_back(info_of(name, record));
  return infos;
}

std::optional<CollectionInfo> RocksStore::get_collection(std::string_view name) const {
  const auto record = find_collection(name);
  return record ? std::optional(info_of(name, *record)) : std::nullopt;
}

void RocksStore::missing(const char* what) const {
  throw Error(ErrorCode::kCorrupt, std::string(what) + " is missing in " + folder_.string(),
              "restore the store from a backup, or index the documents into a new one");
}

std::optional<CollectionRecord> RocksStore::find_collection(std::string_view name) const {
  const std::shared_lock lock(state_mutex_);
  const auto found = state_.collections.find(name);
  if (found == state_.collections.end()) return std::nullopt;
  return found->second;
}

// A number, once given, stays taken even if the write then fails, for the reason given with
// next_passage_ in put_document.
CollectionRecord RocksStore::find_or_number(std::string_view name) {
  if (const auto found = find_collection(name)) return *found;
  CollectionRecord record;
  const std::unique_lock lock(state_mutex_);
  record.number = state_.names.empty() ? 1 : state_.names.rbegin()->first + 1;
  state_.names[record.number] = name;
  return record;
}

void RocksStore::remember(const std::string& name, const CollectionRecord& record) {
  const std::unique_lock lock(state_mutex_);
  state_.collections[name] = record;
}

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
