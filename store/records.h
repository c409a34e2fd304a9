// The records of a store as bytes: reads, scans and synced writes of families, and what a full disk
// does to them. For the sources of this room.
//
// After a failed write RocksDB refuses all others; the database is then opened again before the
// next write, and for reading only while that fails. Readers therefore hold begin_reading() while
// they use anything that belongs to the database.
#ifndef TANDEM_STORE_RECORDS_H_
#define TANDEM_STORE_RECORDS_H_

#include <rocksdb/snapshot.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "store/database.h"
#include "store/store.h"

namespace tandem {

inline rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
inline std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

// Reading is safe from any thread; make_writable() and commit() are called by one at a time.
class Records {
 public:
  // Throws as Store::open does.
  Records(const std::filesystem::path& folder, const StoreOptions& options);

  // Throws kUnavailable if the database could not be opened again.
  std::shared_lock<std::shared_mutex> begin_reading() const;

  // Before each write. `reload` is called where the database was opened again: the write that
  // failed may have reached the log after all. Throws kInvalidArgument where the store is open for
  // reading, and what keeps it from being written.
  void make_writable(const std::function<void()>& reload);
  // Writes and syncs.
  void commit(rocksdb::WriteBatch& batch);

  void put(rocksdb::WriteBatch& batch, Family family, std::string_view key,
           const std::string& value) const;
  void erase(rocksdb::WriteBatch& batch, Family family, std::string_view key) const;
  void erase_range(rocksdb::WriteBatch& batch, Family family, std::string_view first,
                   std::string_view end) const;
  void merge(rocksdb::WriteBatch& batch, Family family, std::string_view key,
             const std::string& change) const;
  // Gives the disk back what erased records of the range took. Takes time; nothing waits for it.
  void compact(Family family, std::string_view first, std::string_view end) const;

  // False in an older store that is open for reading only, for what came later.
  bool has(Family family) const { return database_->family(family) != nullptr; }
  rocksdb::DB& db() const { return database_->db(); }
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return database_->family(family); }

  // Nothing also where the family is missing.
  std::optional<std::string> get(Family family, std::string_view key,
                                 const rocksdb::Snapshot* snapshot = nullptr) const;
  // Calls visit(key, value) for first <= key < end, until it returns false; an empty `end` is that
  // of the family. For long reads, which must not push out what searches use.
  template <typename Visit>
  void scan(Family family, std::string_view first, std::string_view end, const Visit& visit) const {
    if (!has(family)) return;
    const rocksdb::Slice upper_bound = slice(end);
    rocksdb::ReadOptions options;
    if (!end.empty()) options.iterate_upper_bound = &upper_bound;
    options.fill_cache = false;
    options.readahead_size = 1u << 20;
    std::unique_ptr<rocksdb::Iterator> it(db().NewIterator(options, handle(family)));
    for (it->Seek(slice(first)); it->Valid(); it->Next()) {
      if (!visit(view(it->key()), view(it->value()))) break;
    }
    if (!it->status().ok()) throw_status(it->status(), "cannot read from the store");
  }

 private:
  void check_space(std::uint64_t write_bytes) const;

  const std::filesystem::path folder_;
  const StoreOptions options_;
  // Readers hold it shared while they read, so that make_writable may close what they read from.
  mutable std::shared_mutex database_mutex_;
  std::unique_ptr<Database> database_;  // null if it could not be opened again
  bool write_failed_ = false;
};

}  // namespace tandem

#endif  // TANDEM_STORE_RECORDS_H_
