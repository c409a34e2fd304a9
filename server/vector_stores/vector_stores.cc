#include "server/vector_stores/vector_stores.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "server/http_error.h"
#include "server/record_file.h"

namespace tandem {
namespace {

constexpr std::int64_t kDay_s = 86'400;
// Searches make a store active; that is on the disk this much later at most.
constexpr std::int64_t kActivityDelay_s = 600;
constexpr std::size_t kMaxRemembered = 10'000;
constexpr std::size_t kRemovedAtOnce = 100;  // documents, before a file is read again
constexpr char kIdPrefix[] = "vs_";

[[noreturn]] void throw_not_found(std::string_view id) {
  throw RequestError(404, fmt::format("There is no vector store '{}'.", id), "vector_store_id",
                     "vector_store_not_found");
}

std::int64_t expires_at(const VectorStore& store) {
  return store.last_active_at_unix_s + store.expires_after_days * kDay_s;
}

[[noreturn]] void throw_expired(std::string_view id) {
  throw RequestError(400, fmt::format("The vector store '{}' has expired.", id), "vector_store_id",
                     "vector_store_expired");
}

}  // namespace

VectorStores::VectorStores(VectorStoreSurroundings surroundings)
    : around_(std::move(surroundings)), records_(around_.store.folder()) {
  for (VectorStoreRecords::Kept& record : records_.read()) {
    Kept kept;
    kept.store = std::move(record.store);
    kept.active_on_disk_unix_s = kept.store.last_active_at_unix_s;
    last_sequence_ = std::max(last_sequence_, kept.store.sequence);
    if (kept.store.state != VectorStore::State::kLive) record.files.clear();
    for (FileBatch& batch : record.batches) kept.batches.emplace(batch.id, std::move(batch));
    for (VectorStoreFile& file : record.files) {
      last_sequence_ = std::max(last_sequence_, file.sequence);
      const auto batch = kept.batches.find(file.batch);
      const bool cancelled = batch != kept.batches.end() && batch->second.cancelled;
      if (file.status == VectorStoreFile::Status::kInProgress) {
        // What a crash left in the middle of cancelling.
        if (cancelled) file.status = VectorStoreFile::Status::kCancelled;
        if (!cancelled) waiting_.emplace(file.sequence, std::pair(kept.store.id, file.id));
      }
      if (!around_.files.find(file.id)) orphans_.push_back(file.id);
      kept.files.emplace(file.id, std::move(file));
    }
    file_count_ += kept.files.size();
    stores_.emplace(kept.store.id, std::move(kept));
  }
  if (around_.ingestor != nullptr) records_.remove_leftovers();
}

const VectorStores::Kept* VectorStores::find_kept(std::string_view id) const {
  const auto found = stores_.find(id);
  const bool there =
      found != stores_.end() && found->second.store.state != VectorStore::State::kDeleted;
  return there ? &found->second : nullptr;
}

bool VectorStores::has_expired(const VectorStore& store) const {
  if (store.state == VectorStore::State::kExpired) return true;
  return store.expires_after_days > 0 && around_.now_unix_s() >= expires_at(store);
}

std::optional<VectorStore> VectorStores::made_otherwise(std::string_view id) const {
  const auto collection = around_.store.get_collection(id);
  if (!collection || collection->document_count == 0) return std::nullopt;
  VectorStore store;
  store.id = collection->name;
  store.name = collection->name;
  // Nobody wrote down when a collection was made; its first document is as old as it mostly is.
  const auto documents = around_.store.list_documents(id, "", 1);
  if (!documents.empty()) store.created_at_unix_s = documents.front().created_at_unix_s;
  store.last_active_at_unix_s = store.created_at_unix_s;
  return store;
}

VectorStore VectorStores::require(std::string_view id, Need need) const {
  {
    const std::lock_guard lock(mutex_);
    if (const Kept* const kept = find_kept(id)) {
      if (need == Need::kLive && has_expired(kept->store)) throw_expired(id);
      return kept->store;
    }
    if (stores_.contains(id)) throw_not_found(id);
  }
  if (auto store = made_otherwise(id)) return *std::move(store);
  throw_not_found(id);
}

std::uint64_t VectorStores::usage_of(std::uint64_t passages) const {
  return passages * around_.store.settings().dimension * sizeof(float);
}

std::uint64_t VectorStores::next_sequence() {
  const std::lock_guard lock(mutex_);
  return ++last_sequence_;
}

void VectorStores::put(const VectorStore& store) {
  records_.write(store);
  const std::lock_guard lock(mutex_);
  Kept& kept = stores_[store.id];
  kept.store = store;
  kept.active_on_disk_unix_s = store.last_active_at_unix_s;
}

// The id; for one that was made otherwise a record is written now.
std::string VectorStores::ensure_record(std::string_view id) {
  VectorStore store = require(id, Need::kLive);
  if (store.sequence == 0) {
    store.sequence = next_sequence();
    store.last_active_at_unix_s = around_.now_unix_s();
    put(store);
  }
  return store.id;
}

void VectorStores::remember_deleted(const std::string& key, const ListPlace& place) {
  if (deleted_.insert_or_assign(key, place).second) deleted_order_.push_back(key);
  if (deleted_order_.size() <= kMaxRemembered) return;
  deleted_.erase(deleted_order_.front());
  deleted_order_.pop_front();
}

std::vector<ListPlace> VectorStores::places() const {
  std::vector<ListPlace> places;
  std::vector<std::string> others;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, kept] : stores_) {
      if (kept.store.state != VectorStore::State::kDeleted) places.push_back(place_of(kept.store));
    }
    for (const CollectionInfo& collection : around_.store.list_collections()) {
      if (!stores_.contains(collection.name)) others.push_back(collection.name);
    }
  }
  for (const std::string& id : others) {
    if (const auto store = made_otherwise(id)) places.push_back(place_of(*store));
  }
  return places;
}

std::optional<ListPlace> VectorStores::place(std::string_view id) const {
  {
    const std::lock_guard lock(mutex_);
    if (const Kept* const kept = find_kept(id)) return place_of(kept->store);
    if (const auto found = deleted_.find(id); found != deleted_.end()) return found->second;
  }
  const auto store = made_otherwise(id);
  return store ? std::optional(place_of(*store)) : std::nullopt;
}

VectorStoreView VectorStores::find(std::string_view id) const {
  VectorStoreView view;
  view.store = require(id, Need::kAny);
  if (view.store.expires_after_days > 0) view.expires_at_unix_s = expires_at(view.store);
  const auto collection = around_.store.get_collection(id);
  const std::lock_guard lock(mutex_);
  const Kept* const kept = find_kept(id);
  if (kept == nullptr) {
    if (stores_.contains(id)) throw_not_found(id);
    view.files.completed = collection ? collection->document_count : 0;
  } else if (!has_expired(kept->store)) {
    view.files = count_files(*kept);
  } else {
    view.store.state = VectorStore::State::kExpired;
    return view;
  }
  view.usage_bytes = usage_of(collection ? collection->passage_count : 0);
  return view;
}

VectorStoreView VectorStores::create(const VectorStoreRequest& request) {
  VectorStore store;
  store.id = random_id(kIdPrefix);
  {
    const std::lock_guard writing(writing_);
    {
      const std::lock_guard lock(mutex_);
      if (stores_.size() >= kMaxVectorStores) {
        throw Error(ErrorCode::kResourceExhausted,
                    fmt::format("there are {} vector stores already", stores_.size()),
                    "delete some that are no longer needed");
      }
    }
    store.sequence = next_sequence();
    store.name = request.name;
    store.description = request.description;
    store.metadata = request.metadata;
    store.expires_after_days = request.expires_after_days;
    store.created_at_unix_s = around_.now_unix_s();
    store.last_active_at_unix_s = store.created_at_unix_s;
    const std::vector<VectorStoreFile> files = new_files(request.files, "");
    try {
      write_files(store.id, files);
      put(store);
    } catch (...) {
      records_.remove(store.id);
      throw;
    }
    keep_files(store.id, files);
  }
  wake();
  return find(store.id);
}

VectorStoreView VectorStores::update(std::string_view id, const VectorStoreChange& change) {
  {
    const std::lock_guard writing(writing_);
    ensure_record(id);
    VectorStore store = require(id, Need::kLive);
    if (change.name) store.name = *change.name;
    if (change.metadata) store.metadata = *change.metadata;
    if (change.expires_after_days) store.expires_after_days = *change.expires_after_days;
    store.last_active_at_unix_s = around_.now_unix_s();
    put(store);
  }
  return find(id);
}

// After a restart, only documents that were there by now are removed: others may have been indexed
// into a collection of that name meanwhile. Until then nothing can be added to it, and all go.
void VectorStores::retire(VectorStore store, VectorStore::State state) {
  const bool made_here = store.id.starts_with(kIdPrefix);
  if (store.sequence == 0) store.sequence = next_sequence();
  store.state = state;
  store.removed_up_to = made_here ? UINT64_MAX : around_.store.last_passage();
  put(store);
  const std::lock_guard lock(mutex_);
  Kept& kept = stores_.at(store.id);
  kept.store.removed_up_to = UINT64_MAX;
  forget_files(kept);
  if (state == VectorStore::State::kDeleted) remember_deleted(store.id, place_of(store));
}

void VectorStores::remove(std::string_view id) {
  {
    const std::lock_guard writing(writing_);
    retire(require(id, Need::kAny), VectorStore::State::kDeleted);
  }
  wake();
}

void VectorStores::check_searchable(std::string_view id) {
  require(id, Need::kLive);
  const std::int64_t now = around_.now_unix_s();
  {
    const std::lock_guard lock(mutex_);
    const auto found = stores_.find(id);
    if (found == stores_.end()) return;
    Kept& kept = found->second;
    kept.store.last_active_at_unix_s = std::max(kept.store.last_active_at_unix_s, now);
    if (now - kept.active_on_disk_unix_s < kActivityDelay_s) return;
  }
  if (around_.ingestor == nullptr) return;
  // Whoever changes something now writes it too.
  const std::unique_lock writing(writing_, std::try_to_lock);
  if (!writing) return;
  try {
    put(require(id, Need::kLive));
  } catch (const std::exception& error) {
    log_warning("when the vector store {} was searched cannot be written: {}", id, error.what());
  }
}

bool VectorStores::is_served(std::string_view collection) const {
  const std::lock_guard lock(mutex_);
  if (!stores_.contains(collection)) return true;
  const Kept* const kept = find_kept(collection);
  return kept != nullptr && !has_expired(kept->store);
}

void VectorStores::expire_those_due() {
  std::vector<VectorStore> due;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, kept] : stores_) {
      const bool live = kept.store.state == VectorStore::State::kLive;
      if (live && has_expired(kept.store)) due.push_back(kept.store);
    }
  }
  for (const VectorStore& store : due) retire(store, VectorStore::State::kExpired);
}

bool VectorStores::clean_up() {
  const std::lock_guard writing(writing_);
  drop_orphans();
  expire_those_due();
  std::optional<VectorStore> retired;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, kept] : stores_) {
      const VectorStore& store = kept.store;
      const bool is_done = store.state == VectorStore::State::kExpired && store.removed_up_to == 0;
      if (store.state == VectorStore::State::kLive || is_done) continue;
      retired = store;
      break;
    }
  }
  if (!retired) return false;
  if (remove_documents(*retired)) return true;
  if (retired->state == VectorStore::State::kDeleted) {
    records_.remove(retired->id);
    const std::lock_guard lock(mutex_);
    stores_.erase(retired->id);
  } else {
    records_.remove_files(retired->id);
    retired->removed_up_to = 0;
    put(*retired);
  }
  return true;
}

// Some of them. False if there are none left.
bool VectorStores::remove_documents(const VectorStore& store) {
  std::string after;
  while (true) {
    const auto documents = around_.store.list_documents(store.id, after, kRemovedAtOnce);
    if (documents.empty()) return false;
    std::size_t removed = 0;
    for (const Document& document : documents) {
      if (document.first_passage > store.removed_up_to) continue;
      if (around_.ingestor->remove(store.id, document.id)) ++removed;
    }
    if (removed > 0) return true;
    after = documents.back().id;
  }
}

void VectorStores::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  woken_.wait_for(lock, at_most, [&] { return is_woken_; });
  is_woken_ = false;
}

void VectorStores::wake() {
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
  }
  woken_.notify_all();
}

}  // namespace tandem
