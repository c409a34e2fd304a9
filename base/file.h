// Files: whole reads, atomic writes and read-only memory maps.
//
// All functions throw Error: kNotFound for a path that does not exist, kResourceExhausted for a
// full disk, kInvalidArgument for a directory where a file is needed, kInternal for other faults of
// the operating system. All are safe to call from any thread.
#ifndef TANDEM_BASE_FILE_H_
#define TANDEM_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tandem {

// Reads a whole file. A file of more than `max_bytes` is refused with kTooLarge before any of it is
// read, and so is a device or pipe that yields more.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = UINT64_MAX);

// Replaces `path` with `content` so that a crash at any instant leaves the old or the new file,
// never a mixture: temporary file in the same folder, fsync, rename, fsync of the folder.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

// What tells one version of a file from another; of a file that is not there all zero. Does not
// throw.
struct FileStamp {
  std::int64_t modified_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;

  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::filesystem::path& path) noexcept;

// A file that is written piece by piece and takes its place when it is whole. Until then, and where
// it never is, `path` stays as it was. Used by one thread.
class OutputFile {
 public:
  explicit OutputFile(const std::filesystem::path& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();  // removes what was not published

  // What lies between two pieces is zero.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // fsync, rename, fsync of the folder; once, last.
  void publish();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

// Removes a file or folder in the end, if it is there, whatever happens.
class TemporaryPath {
 public:
  explicit TemporaryPath(std::filesystem::path path) : path_(std::move(path)) {}
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  ~TemporaryPath();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Makes what `write` produced at a temporary path durable under `path`: fsync, rename, fsync of the
// folder. For writers, such as FAISS, that insist on opening the file themselves.
void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& path);

// A read-only memory map of a file, unmapped on destruction. Movable, not copyable. The bytes must
// not be used after the file was truncated by another process (the kernel raises SIGBUS); Tandem
// only maps files that it, or a package manager, replaces by renaming.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_BASE_FILE_H_
