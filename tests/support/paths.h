// Where tests find models and real data that are not part of the tree.
#ifndef TANDEM_TESTS_SUPPORT_PATHS_H_
#define TANDEM_TESTS_SUPPORT_PATHS_H_

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tandem::testing {

inline std::filesystem::path environment_path(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::filesystem::path(value) : std::filesystem::path();
}

// The folder that scripts/deps and scripts/models fill; the rule of scripts/lib/common.sh.
inline std::filesystem::path cache_folder() {
  if (auto path = environment_path("TANDEM_CACHE"); !path.empty()) return path;
  if (auto path = environment_path("XDG_CACHE_HOME"); !path.empty()) return path / "tandem";
  return environment_path("HOME") / ".cache" / "tandem";
}

inline std::filesystem::path encoder_folder() {
  return cache_folder() / "models" / "all-MiniLM-L6-v2";
}

inline std::filesystem::path generator_file() {
  return cache_folder() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

inline std::filesystem::path gemma_file() {
  return cache_folder() / "models" / "gemma3-270m-q4_k_m.gguf";
}

// TANDEM_SOURCE_DIR is defined for every test by tests/CMakeLists.txt.
inline std::filesystem::path source_folder() {
  return TANDEM_SOURCE_DIR;
}

inline std::filesystem::path shared_data_folder() {
  if (auto path = environment_path("TANDEM_SHARED_DATA"); !path.empty()) return path;
  return source_folder() / ".." / "shared" / "data";
}

// A fresh folder that is removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tandem-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_PATHS_H_
