// How the store uses RocksDB: which column families with which options, and what its errors mean.
#ifndef TANDEM_STORE_DATABASE_H_
#define TANDEM_STORE_DATABASE_H_

#include <rocksdb/db.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace tandem {

// Families of store/format.h.
enum class Family {
  kMeta,
  kCollections,
  kDocuments,
  kTexts,
  kPassages,
  kVectors,
  kTombstones,
  kTerms,
  kPostings,
  kReleases,
  kVectorSets,
  kMoreVectors
};
inline constexpr std::size_t kFamilyCount = 12;

// An open RocksDB; closed on destruction. Safe from any thread, as RocksDB is.
class Database {
 public:
  // `folder` is made if missing, unless read_only. Throws as Store::open does.
  Database(const std::filesystem::path& folder, bool read_only);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  rocksdb::DB& db() const { return *db_; }
  // Null for what an older store that was opened for reading only does not have.
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return families_[static_cast<std::size_t>(family)];
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> families_{};
};

inline constexpr char kDiskFullAdvice[] =
    "free some disk space (100 MB or more) and try again; what was written before is safe, and "
    "reading still works";

// Throws the Error that `status`, which must not be ok, stands for. `action` starts its message,
// such as "cannot write to the store".
[[noreturn]] void throw_status(const rocksdb::Status& status, std::string_view action);

}  // namespace tandem

#endif  // TANDEM_STORE_DATABASE_H_
