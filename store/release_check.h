// The part of check.h that concerns releases.
#ifndef TANDEM_STORE_RELEASE_CHECK_H_
#define TANDEM_STORE_RELEASE_CHECK_H_

#include <filesystem>
#include <map>

#include "store/check.h"
#include "store/format.h"
#include "store/store.h"

namespace tandem {

// As the records say.
struct ReleaseRecords {
  StoreSettings settings;
  format::ReleasesRecord numbers;
  std::map<std::uint32_t, Release> releases;  // empty where there is only that of the settings
  std::map<std::uint32_t, VectorSet> sets;    // never empty
};

// Whether releases, sets of vectors and settings agree with each other, and the files that were
// copied are what they were. Reads all of them.
void check_releases(const std::filesystem::path& folder, const ReleaseRecords& records,
                    ProblemList& problems);

}  // namespace tandem

#endif  // TANDEM_STORE_RELEASE_CHECK_H_
