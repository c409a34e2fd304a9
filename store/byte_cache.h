// Bytes by key that can be computed again, on disk: limited in size, the oldest forgotten first.
//
// A RocksDB of its own beside the store, and not a column family of the store's: nothing that goes
// wrong here (a full disk, a damaged file) may keep a document from being written or read, and the
// folder can be deleted at any time. Entries are not synced; a crash may lose the newest.
#ifndef TANDEM_STORE_BYTE_CACHE_H_
#define TANDEM_STORE_BYTE_CACHE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tandem {

// All methods may be called from any thread.
class ByteCache {
 public:
  // Makes the folder if it is missing; what is damaged is made anew. Null, with a warning in the
  // log, where another process uses it or it cannot be opened at all.
  static std::unique_ptr<ByteCache> open(const std::filesystem::path& folder,
                                         std::uint64_t limit_bytes);
  virtual ~ByteCache() = default;

  virtual std::optional<std::string> get(std::string_view key) const = 0;
  // A key is only ever put with the same value. Puts nothing rather than waiting for the disk or
  // filling it.
  virtual void put(std::string_view key, std::string_view value) = 0;
};

}  // namespace tandem

#endif  // TANDEM_STORE_BYTE_CACHE_H_
