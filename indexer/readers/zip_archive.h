// The entries of a ZIP archive in memory, as Office documents and e-books are: libzip with limits.
#ifndef TANDEM_INDEXER_READERS_ZIP_ARCHIVE_H_
#define TANDEM_INDEXER_READERS_ZIP_ARCHIVE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tandem {

struct ZipLimits {
  // Of all that is read from the archive, whichever sizes it claims and however often one entry is
  // read. Deflate turns one byte into a thousand at most, and entries may share their bytes.
  std::uint64_t max_expanded_bytes = 512ull << 20;
  std::uint64_t max_entries = 65'536;
};

// Names are keys for looking entries up and are never used as paths. Borrows its bytes. Used by one
// thread. Every method throws Error: kCorrupt where the archive is damaged, kUnsupported where an
// entry is encrypted or packed by other means than deflate, kTooLarge beyond the limits; messages
// begin with `name`.
class ZipArchive {
 public:
  ZipArchive(std::string_view bytes, std::string_view name, const ZipLimits& limits = {});
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  bool contains(std::string_view entry) const;

  // Hands the content over in pieces of at most 64 KiB. False if there is no such entry.
  bool stream(std::string_view entry, const std::function<void(std::string_view)>& sink);

  // The whole content, at most `max_bytes`; empty if there is no such entry.
  std::string read(std::string_view entry, std::uint64_t max_bytes = 64ull << 20);

  // What messages begin with.
  const std::string& name() const { return name_; }

 private:
  struct Handle;
  [[noreturn]] void fail_too_large(std::uint64_t limit) const;

  std::string name_;
  ZipLimits limits_;
  std::uint64_t expanded_bytes_ = 0;
  std::unique_ptr<Handle> handle_;
};

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_ZIP_ARCHIVE_H_
