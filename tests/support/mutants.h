// Damaged variants of a valid file, for readers that must survive any bytes.
#ifndef TANDEM_TESTS_SUPPORT_MUTANTS_H_
#define TANDEM_TESTS_SUPPORT_MUTANTS_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <string>

namespace tandem::testing {

// A file in memory that can be opened by its path, for thousands of short-lived files.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("mutant", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  void write(const std::string& bytes) {
    if (::ftruncate(descriptor_, 0) != 0 ||
        ::pwrite(descriptor_, bytes.data(), bytes.size(), 0) != std::ssize(bytes)) {
      std::abort();
    }
  }

 private:
  int descriptor_;
};

// Calls `visit` with every truncation of `valid`, every byte replaced by a few others, and `random`
// variants with up to four numbers of 1 to 8 bytes overwritten by extreme or random values, or with
// a stretch cut out or doubled.
inline void for_each_mutant(const std::string& valid, std::uint64_t seed, int random,
                            const std::function<void(const std::string&)>& visit) {
  for (std::size_t length = 0; length < valid.size(); ++length) visit(valid.substr(0, length));
  for (std::size_t i = 0; i < valid.size(); ++i) {
    std::string mutant = valid;
    for (const int flip : {0x01, 0x80, 0xFF}) {
      mutant[i] = static_cast<char>(valid[i] ^ flip);
      visit(mutant);
    }
  }
  constexpr std::array<std::uint64_t, 12> kExtremes = {
      0,          1,          0x7F,       0xFF,       0x7FFFFFFF, 0x80000000,
      0xFFFFFFFF, 1ull << 32, 1ull << 61, 1ull << 62, INT64_MAX,  UINT64_MAX};
  std::mt19937_64 generator(seed);
  const auto below = [&](std::size_t bound) { return generator() % bound; };
  for (int n = 0; n < random; ++n) {
    std::string mutant = valid;
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
      const std::size_t at = below(mutant.size());
      const std::size_t size =
          std::min<std::size_t>(std::size_t{1} << below(4), mutant.size() - at);
      const std::uint64_t value = below(4) == 0 ? generator() : kExtremes[below(kExtremes.size())];
      std::memcpy(mutant.data() + at, &value, size);
    }
    if (below(8) == 0) {
      const std::size_t at = below(mutant.size());
      const std::size_t length = below(64);
      if (below(2) == 0) {
        mutant.erase(at, length);
      } else {
        mutant.insert(at, mutant.substr(at, length));
      }
    }
    visit(mutant);
  }
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_MUTANTS_H_
