// A disk that is full, as far as this process can tell.
#ifndef TANDEM_TESTS_SUPPORT_FULL_DISK_H_
#define TANDEM_TESTS_SUPPORT_FULL_DISK_H_

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

namespace tandem::testing {

// While it lives, no file can be written beyond `size_bytes`. For one thread at a time.
class FullDisk {
 public:
  explicit FullDisk(rlim_t size_bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    if (::getrlimit(RLIMIT_FSIZE, &before_) != 0) std::abort();
    const rlimit small = {size_bytes, before_.rlim_max};
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) std::abort();
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_FULL_DISK_H_
