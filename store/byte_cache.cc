#include "store/byte_cache.h"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <algorithm>

#include "base/log.h"

namespace tandem {
namespace {

// Less is never left on the disk than this.
constexpr std::uint64_t kReserveBytes = 256u << 20;

// First in, first out: RocksDB drops whole files, the oldest first, and never merges them. Values
// are large and already small for what they hold, so they are neither compressed nor cached again.
rocksdb::Options cache_options(std::uint64_t limit_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compaction_style = rocksdb::kCompactionStyleFIFO;
  options.compaction_options_fifo.max_table_files_size = limit_bytes;
  // What is dropped is a file at a time, so files are a small part of the whole.
  options.write_buffer_size =
      std::clamp<std::size_t>(static_cast<std::size_t>(limit_bytes) / 16, 1u << 20, 32u << 20);
  options.max_write_buffer_number = 4;
  options.compression = rocksdb::kNoCompression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.stats_dump_period_sec = 0;
  options.keep_log_file_num = 1;
  options.max_log_file_size = 1u << 20;
  options.info_log_level = rocksdb::ERROR_LEVEL;
  return options;
}

class RocksCache final : public ByteCache {
 public:
  RocksCache(std::filesystem::path folder, std::unique_ptr<rocksdb::DB> db)
      : folder_(std::move(folder)), db_(std::move(db)) {}

  std::optional<std::string> get(std::string_view key) const override {
    std::string value;
    const auto status = db_->Get({}, {key.data(), key.size()}, &value);
    if (status.ok()) return value;
    if (!status.IsNotFound())
      log_warning("cannot read the cache {}: {}", folder_.string(), status.ToString());
    return std::nullopt;
  }

  void put(std::string_view key, std::string_view value) override {
    std::error_code failure;
    const auto space = std::filesystem::space(folder_, failure);
    if (failure || space.available < kReserveBytes + 2 * value.size()) return;
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    options.no_slowdown = true;
    const auto status = db_->Put(options, {key.data(), key.size()}, {value.data(), value.size()});
    // Incomplete: the disk is behind; the value is then simply computed again.
    if (!status.ok() && !status.IsIncomplete())
      log_warning("cannot write to the cache {}: {}", folder_.string(), status.ToString());
  }

 private:
  const std::filesystem::path folder_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

std::unique_ptr<ByteCache> ByteCache::open(const std::filesystem::path& folder,
                                           std::uint64_t limit_bytes) {
  const rocksdb::Options options = cache_options(limit_bytes);
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, folder.string(), &db);
  if (status.IsCorruption() || status.IsInvalidArgument()) {
    log_warning("the cache {} is damaged and is made anew: {}", folder.string(), status.ToString());
    status = rocksdb::DestroyDB(folder.string(), options);
    if (status.ok()) status = rocksdb::DB::Open(options, folder.string(), &db);
  }
  if (!status.ok()) {
    log_warning("going on without the cache {}: {}", folder.string(), status.ToString());
    return nullptr;
  }
  return std::make_unique<RocksCache>(folder, std::unique_ptr<rocksdb::DB>(db));
}

}  // namespace tandem
