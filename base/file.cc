#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

// Closes a file descriptor when it leaves scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void throw_errno(const std::string& action, const std::filesystem::path& path) {
  const int error = errno;
  const std::string message = action + " " + path.string() + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      throw Error(ErrorCode::kNotFound, message, "check the path");
    case ENOSPC:
    case EFBIG:
    case EDQUOT:
      throw Error(ErrorCode::kResourceExhausted, message, "free some disk space and try again");
    case EACCES:
    case EPERM:
    case EROFS:
      throw Error(ErrorCode::kInvalidArgument, message, "check the permissions of this path");
    case EISDIR:
      throw Error(ErrorCode::kInvalidArgument, message, "name a file, not a folder");
    default:
      throw Error(ErrorCode::kInternal, message);
  }
}

Descriptor open_or_throw(const std::filesystem::path& path, int flags, mode_t mode = 0) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) throw_errno("cannot open", path);
  return Descriptor(fd);
}

void sync_path(const std::filesystem::path& path, int flags) {
  const Descriptor file = open_or_throw(path, flags);
  if (::fsync(file.get()) != 0) throw_errno("cannot sync", path);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Descriptor file = open_or_throw(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_errno("cannot inspect", path);
  if (S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    throw_errno("cannot read", path);
  }
  const auto refuse = [&] {
    throw Error(
        ErrorCode::kTooLarge,
        path.string() + " is larger than the limit of " + std::to_string(max_bytes) + " bytes",
        "split the file or raise the limit");
  };
  if (static_cast<std::uint64_t>(status.st_size) > max_bytes) refuse();

  std::string content;
  content.resize(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  // st_size is only a hint: files in /proc report zero, and a file may grow while it is read.
  while (true) {
    if (filled == content.size()) content.resize(content.size() + 4096);
    const ssize_t count = ::read(file.get(), content.data() + filled, content.size() - filled);
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_errno("cannot read", path);
    }
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled > max_bytes) refuse();
  }
  content.resize(filled);
  return content;
}

TemporaryPath::~TemporaryPath() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void publish_file(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  sync_path(temporary, O_RDONLY);
  if (::rename(temporary.c_str(), path.c_str()) != 0) throw_errno("cannot replace", path);
  sync_path(folder_of(path), O_RDONLY | O_DIRECTORY);
}

OutputFile::OutputFile(const std::filesystem::path& path) : path_(path), temporary_(path) {
  // The thread too: two threads that write the same path must not share a temporary file.
  temporary_ += ".tmp." + std::to_string(::getpid()) + "." + std::to_string(::gettid());
  descriptor_ = open_or_throw(temporary_, O_WRONLY | O_CREAT | O_TRUNC, 0644).release();
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_errno("cannot write", temporary_);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void OutputFile::publish() {
  publish_file(temporary_, path_);
  ::close(std::exchange(descriptor_, -1));
}

FileStamp stamp_of(const std::filesystem::path& path) noexcept {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec, status.st_ino,
          static_cast<std::uint64_t>(status.st_size)};
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  OutputFile file(path);
  file.write_at(0, std::as_bytes(std::span(content)));
  file.publish();
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file = open_or_throw(path, O_RDONLY);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_errno("cannot inspect", path);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kInvalidArgument, path.string() + " is not a regular file",
                "name a file, not a folder or device");
  }
  size_bytes_ = static_cast<std::size_t>(status.st_size);
  if (size_bytes_ == 0) return;  // mmap refuses empty maps
  void* address = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) throw_errno("cannot map", path);
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

}  // namespace tandem
