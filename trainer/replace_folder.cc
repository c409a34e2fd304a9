#include "trainer/replace_folder.h"

#include <vector>

#include "base/file.h"

namespace tandem {

void replace_folder(const std::filesystem::path& path,
                    const std::function<void(const std::filesystem::path&)>& write,
                    std::filesystem::path temporary) {
  if (temporary.empty()) (temporary = path) += ".unfinished";
  const TemporaryPath folder(temporary);
  std::filesystem::remove_all(temporary);
  std::filesystem::create_directories(temporary);
  write(temporary);
  std::filesystem::remove_all(path);
  std::filesystem::rename(temporary, path);
}

void publish_all(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::vector<std::filesystem::path> entries;
  for (const auto& entry : std::filesystem::directory_iterator(from))
    entries.push_back(entry.path());
  for (const auto& entry : entries) {
    const auto place = to / entry.filename();
    std::filesystem::remove_all(place);
    std::filesystem::rename(entry, place);
  }
}

}  // namespace tandem
