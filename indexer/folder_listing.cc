#include "indexer/folder_listing.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/utf8.h"
#include "indexer/reader.h"
#include "indexer/sidecar.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

bool is_known(const fs::path& path) {
  const std::string extension = lower_ascii(path.extension().string());
  const auto& known = known_extensions();
  return std::find(known.begin(), known.end(), extension) != known.end();
}

std::string relative_name(const fs::path& path, const fs::path& folder) {
  return path.lexically_relative(folder).generic_string();
}

void take_entry(const fs::directory_entry& entry, const fs::path& folder, FolderListing& listing,
                std::vector<fs::path>& folders) {
  if (entry.path().filename().string().starts_with('.')) return;
  std::error_code failure;
  if (entry.is_directory(failure)) {
    if (!entry.is_symlink(failure)) folders.push_back(entry.path());
    return;
  }
  // Pipes, sockets and devices are no documents; a link that leads nowhere is one that is missing.
  const bool regular = entry.is_regular_file(failure);
  if (!regular && !entry.is_symlink(failure)) return;
  if (is_sidecar(entry.path())) return;
  if (!is_known(entry.path())) {
    ++listing.skipped;
    return;
  }
  const std::string source = relative_name(entry.path(), folder);
  const std::uintmax_t size = entry.file_size(failure);
  if (failure) {
    listing.failures.push_back({repair_utf8(source), failure.message()});
    return;
  }
  listing.files.push_back({entry.path(), source, size});
}

}  // namespace

FolderListing list_documents_below(const fs::path& folder) {
  FolderListing listing;
  std::error_code failure;
  const fs::file_status status = fs::status(folder, failure);
  if (!fs::exists(status)) {
    throw Error(ErrorCode::kNotFound, "there is no file or folder " + folder.string(),
                "check the path");
  }
  if (!fs::is_directory(status)) {
    const std::uintmax_t size = fs::file_size(folder, failure);
    if (failure) {
      throw Error(ErrorCode::kInvalidArgument,
                  "cannot read " + folder.string() + ": " + failure.message(),
                  "name a folder or an ordinary file");
    }
    listing.files.push_back({folder, folder.filename().string(), size});
    return listing;
  }

  // A list of what is to do instead of recursion, so that depth costs no stack.
  std::vector<fs::path> folders{folder};
  while (!folders.empty()) {
    const fs::path current = std::move(folders.back());
    folders.pop_back();
    fs::directory_iterator it(current, failure);
    for (const fs::directory_iterator end; !failure && it != end; it.increment(failure)) {
      take_entry(*it, folder, listing, folders);
    }
    if (failure) {
      listing.failures.push_back({repair_utf8(relative_name(current, folder)), failure.message()});
    }
  }
  std::sort(listing.files.begin(), listing.files.end(),
            [](const ListedFile& a, const ListedFile& b) { return a.source < b.source; });
  return listing;
}

}  // namespace tandem
