#include "store/records.h"

#include "base/error.h"

namespace tandem {
namespace {

void check_prepared(const rocksdb::Status& status) {
  if (!status.ok()) throw_status(status, "cannot prepare a write to the store");
}

}  // namespace

Records::Records(const std::filesystem::path& folder, const StoreOptions& options)
    : folder_(folder),
      options_(options),
      database_(std::make_unique<Database>(folder / "db", options.read_only)) {}

std::shared_lock<std::shared_mutex> Records::begin_reading() const {
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

// DB::Resume would lift RocksDB's refusal, but in 7.8 it waits for ever if its own flush fails, so
// the database is opened again; while that does not work either, it is opened for reading.
void Records::make_writable(const std::function<void()>& reload) {
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
  reload();
  write_failed_ = false;
}

// Turning a write away before it starts keeps RocksDB out of its error state in all but unlucky
// cases. A write takes its size in the log and again in a table file.
void Records::check_space(std::uint64_t write_bytes) const {
  std::error_code failure;
  const auto space = std::filesystem::space(folder_, failure);
  if (failure || space.available >= options_.reserve_bytes + 2 * write_bytes) return;
  throw Error(ErrorCode::kResourceExhausted,
              "the disk that holds the store " + folder_.string() +
                  " is full: " + std::to_string(space.available >> 20) + " MiB are left",
              kDiskFullAdvice);
}

void Records::commit(rocksdb::WriteBatch& batch) {
  check_space(batch.GetDataSize());
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = db().Write(options, &batch);
  write_failed_ = !status.ok();
  if (write_failed_) throw_status(status, "cannot write to the store");
}

void Records::put(rocksdb::WriteBatch& batch, Family family, std::string_view key,
                  const std::string& value) const {
  check_prepared(batch.Put(handle(family), slice(key), value));
}

void Records::erase(rocksdb::WriteBatch& batch, Family family, std::string_view key) const {
  check_prepared(batch.Delete(handle(family), slice(key)));
}

void Records::erase_range(rocksdb::WriteBatch& batch, Family family, std::string_view first,
                          std::string_view end) const {
  check_prepared(batch.DeleteRange(handle(family), slice(first), slice(end)));
}

void Records::merge(rocksdb::WriteBatch& batch, Family family, std::string_view key,
                    const std::string& change) const {
  check_prepared(batch.Merge(handle(family), slice(key), change));
}

void Records::compact(Family family, std::string_view first, std::string_view end) const {
  const rocksdb::Slice from = slice(first);
  const rocksdb::Slice to = slice(end);
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const auto status = db().CompactRange(options, handle(family), &from, &to);
  if (!status.ok()) throw_status(status, "cannot compact the store");
}

std::optional<std::string> Records::get(Family family, std::string_view key,
                                        const rocksdb::Snapshot* snapshot) const {
  if (!has(family)) return std::nullopt;
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const auto status = db().Get(options, handle(family), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) throw_status(status, "cannot read from the store");
  return value;
}

}  // namespace tandem
