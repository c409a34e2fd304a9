// Whether a store holds what its format promises: every record, and what records say of each other.
#ifndef TANDEM_STORE_CHECK_H_
#define TANDEM_STORE_CHECK_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tandem {

// What is wrong, in sentences for people. Only the first ones are kept, all are counted.
class ProblemList {
 public:
  void add(std::string problem) {
    if (kept_.size() < kMost) kept_.push_back(std::move(problem));
    ++count_;
  }
  std::uint64_t count() const { return count_; }
  const std::vector<std::string>& kept() const { return kept_; }

 private:
  static constexpr std::size_t kMost = 100;
  std::vector<std::string> kept_;
  std::uint64_t count_ = 0;
};

struct StoreCheck {
  std::uint64_t collections = 0;
  std::uint64_t documents = 0;
  std::uint64_t passages = 0;
  std::uint64_t vectors = 0;
  std::uint64_t releases = 0;
  ProblemList problems;
};

// Reads every record of the store at `folder` as it is at this moment; another process may write to
// it meanwhile. Memory: about the size of all documents' ids. Throws Error, as Store::open does, if
// the store cannot be opened at all.
StoreCheck check_store(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_STORE_CHECK_H_
