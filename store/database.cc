#include "store/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <initializer_list>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "store/log_ends.h"
#include "store/posting_changes.h"

namespace tandem {
namespace {

constexpr std::array<const char*, kFamilyCount> kNames = {
    "default",    "collections", "documents", "texts",    "passages",    "vectors",
    "tombstones", "terms",       "postings",  "releases", "vector_sets", "more_vectors"};

// In place of RocksDB's LOG file: it grows, a reader would rename the one of the writer, and where
// the disk is full its writer fails an assertion that distributions leave switched on.
class ForwardingLogger : public rocksdb::Logger {
 public:
  ForwardingLogger() : rocksdb::Logger(rocksdb::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::WARN_LEVEL, format, arguments);
  }
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::WARN_LEVEL || level == rocksdb::HEADER_LEVEL) return;
    std::array<char, 1024> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    log_debug("rocksdb: {}", line.data());
  }
};

// RocksDB would resume by itself after a full disk, but only when a large reserve has become free
// and within seconds; the store resumes before its next write instead.
class NoAutomaticRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::CompressionType first_supported(
    std::initializer_list<rocksdb::CompressionType> compressions) {
  const auto supported = rocksdb::GetSupportedCompressions();
  for (const auto type : compressions) {
    if (std::find(supported.begin(), supported.end(), type) != supported.end()) return type;
  }
  return rocksdb::kNoCompression;
}

// Floats of unit vectors do not compress; postings are packed, and read by every search. So are
// passages, which come from everywhere: what is quick to undo, at a few bytes more.
rocksdb::CompressionType compression_of(Family family) {
  switch (family) {
    case Family::kVectors:
    case Family::kMoreVectors:
    case Family::kPostings:
      return rocksdb::kNoCompression;
    case Family::kPassages:
      return first_supported({rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
    default:
      return first_supported(
          {rocksdb::kZSTD, rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
  }
}

// Sizes are modest because the memory of the machine belongs to the networks: about 24 MiB of
// memtables and 32 MiB of cache in all.
rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.db_write_buffer_size = 24u << 20;
  // Bounds what opening has to replay.
  options.max_total_wal_size = 32u << 20;
  // A log that ends within a record is what a crash leaves, and what is damaged elsewhere is
  // refused. By default RocksDB would open without all that was acknowledged after the damage. The
  // end of a log is looked at by check_log_ends().
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.max_background_jobs = 2;
  options.stats_dump_period_sec = 0;
  options.info_log = std::make_shared<ForwardingLogger>();
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.listeners = {std::make_shared<NoAutomaticRecovery>()};
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> family_descriptors() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(32u << 20);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));

  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (std::size_t i = 0; i < kFamilyCount; ++i) {
    rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = 8u << 20;
    const auto family = static_cast<Family>(i);
    table.block_size = family == Family::kPassages ? 4u << 10 : 16u << 10;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.compression = compression_of(family);
    if (family == Family::kPostings) {
      options.merge_operator = make_postings_merge();
      options.compaction_filter = empty_bucket_filter();
    }
    descriptors.emplace_back(kNames[i], options);
  }
  return descriptors;
}

rocksdb::Status open_read_only(const std::string& folder, rocksdb::DB** db,
                               std::vector<rocksdb::ColumnFamilyHandle*>* handles) {
  // A writer may delete a file between our reading of its list of files and our opening of it; the
  // next list is right.
  rocksdb::Status status;
  for (int attempt = 0; attempt < 5; ++attempt) {
    // An older store lacks the families that came later, and a reader does not make them.
    std::vector<std::string> names;
    status = rocksdb::DB::ListColumnFamilies(database_options(), folder, &names);
    auto descriptors = family_descriptors();
    std::erase_if(descriptors, [&](const rocksdb::ColumnFamilyDescriptor& descriptor) {
      return std::find(names.begin(), names.end(), descriptor.name) == names.end();
    });
    if (status.ok()) {
      status = rocksdb::DB::OpenForReadOnly(database_options(), folder, descriptors, handles, db);
    }
    if (status.ok() || status.IsInvalidArgument()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20 << attempt));
  }
  return status;
}

}  // namespace

Database::Database(const std::filesystem::path& folder, bool read_only) {
  check_log_ends(folder);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = read_only ? open_read_only(folder.string(), &db, &handles)
                                           : rocksdb::DB::Open(database_options(), folder.string(),
                                                               family_descriptors(), &handles, &db);
  if (!status.ok()) throw_status(status, "cannot open the store " + folder.string());
  db_.reset(db);
  for (auto* handle : handles) {
    const auto name = std::find(kNames.begin(), kNames.end(), handle->GetName());
    families_[static_cast<std::size_t>(name - kNames.begin())] = handle;
  }
}

Database::~Database() {
  for (auto* handle : families_) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle);
  }
}

void throw_status(const rocksdb::Status& status, std::string_view action) {
  const std::string text = status.ToString();
  const std::string message = std::string(action) + ": " + text;
  // RocksDB has no code for a lock that is taken, nor for a quota.
  const auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  if (says("lock file") || says("lock hold by")) {
    throw Error(ErrorCode::kUnavailable, message,
                "another process (tandem serve or index) is using the store; stop it or use its "
                "HTTP API");
  }
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit ||
      says("quota exceeded")) {
    throw Error(ErrorCode::kResourceExhausted, message, kDiskFullAdvice);
  }
  if (status.IsCorruption()) {
    throw Error(ErrorCode::kCorrupt, message,
                "restore the store from a backup, or index the documents into a new one");
  }
  if (status.IsBusy() || status.IsTimedOut() || status.IsTryAgain()) {
    throw Error(ErrorCode::kUnavailable, message, "try again in a few seconds");
  }
  if (says("Permission denied") || says("Read-only file system")) {
    throw Error(ErrorCode::kInvalidArgument, message, "check the permissions of the store folder");
  }
  throw Error(ErrorCode::kInternal, message);
}

}  // namespace tandem
