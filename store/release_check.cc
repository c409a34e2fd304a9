#include "store/release_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

namespace tandem {
namespace {

void check_file(const std::filesystem::path& folder, const Release& release,
                const ReleaseFile& file, ProblemList& problems) {
  const auto problem = [&](std::string_view what) {
    problems.add(fmt::format("the file {} of the release {} {}", (folder / file.path).string(),
                             release_name(release.number), what));
  };
  try {
    const MappedFile bytes(folder / file.path);
    if (bytes.bytes().size() != file.size_bytes || sha256_hex(bytes.bytes()) != file.sha256) {
      problem("is not what it was; make the release again");
    }
  } catch (const Error& error) {
    problem(fmt::format("cannot be read: {}", error.message()));
  }
}

bool agrees(const Release& live, const StoreSettings& settings) {
  return live.encoder_path == settings.encoder_path && live.encoder_id == settings.encoder_id &&
         live.dimension == settings.dimension && live.generator_path == settings.generator_path;
}

}  // namespace

void check_releases(const std::filesystem::path& folder, const ReleaseRecords& records,
                    ProblemList& problems) {
  if (records.releases.empty()) return;
  const auto live = records.releases.find(records.numbers.live);
  if (live == records.releases.end() || !agrees(live->second, records.settings)) {
    problems.add("the settings are not those of the live release");
  }
  for (const auto& [number, release] : records.releases) {
    const auto set = records.sets.find(release.vectors);
    if (set == records.sets.end() || set->second.encoder_id != release.encoder_id ||
        set->second.dimension != release.dimension) {
      problems.add(
          fmt::format("the release {} has no vectors of its encoder", release_name(number)));
    }
    if (number >= records.numbers.next) {
      problems.add(
          fmt::format("the number of the release {} was not given yet", release_name(number)));
    }
    for (const ReleaseFile& file : release.files) check_file(folder, release, file, problems);
  }
  for (const auto& [number, set] : records.sets) {
    const auto has_it = [number = number](const auto& entry) {
      return entry.second.vectors == number;
    };
    if (std::none_of(records.releases.begin(), records.releases.end(), has_it)) {
      problems.add(fmt::format("the set {} of vectors belongs to no release", number));
    }
    const bool complete = set.known_up_to == UINT64_MAX;
    const bool serves = live != records.releases.end() && live->second.vectors == number;
    if (complete != serves) {
      problems.add(fmt::format("the set {} of vectors is not the one that gets new ones", number));
    }
  }
}

}  // namespace tandem
