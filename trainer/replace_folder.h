// Folders that are whole or not there.
#ifndef TANDEM_TRAINER_REPLACE_FOLDER_H_
#define TANDEM_TRAINER_REPLACE_FOLDER_H_

#include <filesystem>
#include <functional>

namespace tandem {

// Replaces the folder `path` with what `write` puts into a new one at `temporary`, on the same
// disk; `path` with ".unfinished" where that is empty. If `write` throws, `path` stays as it was
// and `temporary` is removed, since it may be what filled the disk. Throws
// std::filesystem::filesystem_error as well.
void replace_folder(const std::filesystem::path& path,
                    const std::function<void(const std::filesystem::path&)>& write,
                    std::filesystem::path temporary = {});

// Moves all that the folder `from` holds into `to`, on the same disk, in place of what has the same
// names there. Throws std::filesystem::filesystem_error.
void publish_all(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace tandem

#endif  // TANDEM_TRAINER_REPLACE_FOLDER_H_
