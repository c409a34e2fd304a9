#include "trainer/replace_folder.h"

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

}  // namespace tandem
