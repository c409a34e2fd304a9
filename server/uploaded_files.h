// What clients upload by POST /v1/files: bytes for later use, such as questions to train on.
//
// In the folder of the store, files/:
//
//   file-ID.bytes   what was sent
//   file-ID.json    {"version": 1, "sequence", "filename", "purpose", "created_at", "owner"}
//
// The record is written after the bytes and removed before them, each at once, so that a file is
// there whole or not at all; bytes without a record are what a crash left, and are removed when the
// folder is opened. Names that clients give are kept in records only and are never part of a path.
#ifndef TANDEM_SERVER_UPLOADED_FILES_H_
#define TANDEM_SERVER_UPLOADED_FILES_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

inline constexpr std::size_t kMaxUploadedFiles = 10'000;
inline constexpr std::size_t kMaxFileNameBytes = 512;

struct UploadedFile {
  std::string id;  // "file-" and 24 hexadecimal digits
  std::string filename;
  std::string purpose;
  std::uint64_t size_bytes = 0;
  std::int64_t created_at_unix_s = 0;
  std::uint64_t sequence = 0;  // grows with each file
  std::string owner;           // who sent it (Caller::owner)
};

// All methods may be called from any thread.
class UploadedFiles {
 public:
  // Nothing is written where `read_only`, not even the folder. Records that cannot be read are
  // passed over, with a warning in the log.
  UploadedFiles(const std::filesystem::path& store, bool read_only);

  // Returns when it is on the disk. Throws kInvalidArgument for a name that is empty, longer than
  // kMaxFileNameBytes or not UTF-8, and kResourceExhausted for a full disk or kMaxUploadedFiles.
  UploadedFile add(std::string_view filename, std::string_view purpose, std::string_view bytes,
                   std::string_view owner = {});
  std::optional<UploadedFile> find(std::string_view id) const;
  std::vector<UploadedFile> list() const;  // by growing sequence
  // The bytes; nothing if there is no such file, or no longer.
  std::optional<std::string> content(std::string_view id) const;
  // Whether there was one.
  bool remove(std::string_view id);

 private:
  std::filesystem::path bytes_path(std::string_view id) const;
  std::filesystem::path record_path(std::string_view id) const;
  void read_records();
  void remove_leftovers() const;

  const std::filesystem::path folder_;
  mutable std::mutex mutex_;                                // guards what follows, and the folder
  std::map<std::string, UploadedFile, std::less<>> files_;  // by id
  std::uint64_t last_sequence_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_UPLOADED_FILES_H_
