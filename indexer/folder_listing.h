// Which files below a folder are documents.
#ifndef TANDEM_INDEXER_FOLDER_LISTING_H_
#define TANDEM_INDEXER_FOLDER_LISTING_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "indexer/ingestor.h"

namespace tandem {

struct ListedFile {
  std::filesystem::path path;
  std::string
      source;  // path relative to the folder, "/" between its parts; may be ill-formed UTF-8
  std::uint64_t size_bytes = 0;
};

struct FolderListing {
  std::vector<ListedFile> files;        // in order of source
  std::uint64_t skipped = 0;            // files of no known extension
  std::vector<IngestFailure> failures;  // what could not be looked at
};

// Files of a known extension below `folder`, or the one file itself whatever its extension. Leaves
// out what begins with a dot and files of attributes (indexer/sidecar.h), and does not follow
// symbolic links to folders, so that it ends on any tree. Throws kNotFound if there is nothing at
// `folder`.
FolderListing list_documents_below(const std::filesystem::path& folder);

}  // namespace tandem

#endif  // TANDEM_INDEXER_FOLDER_LISTING_H_
