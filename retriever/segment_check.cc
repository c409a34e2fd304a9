#include "retriever/segment_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/error.h"
#include "retriever/segment_file.h"

namespace tandem {
namespace {

// The passages of the segment that were not deleted since must be those that the store has there.
bool agrees_with_store(const SegmentFile& file, const Store& store, std::uint32_t vectors,
                       const std::string& collection) {
  const SegmentName& name = file.name();
  const std::vector<PassageId> deleted = store.deleted_passages(collection, name.last);
  std::vector<PassageId> expected;
  for (const std::int64_t id : file.section<std::int64_t>(Section::kIds)) {
    const auto passage = static_cast<PassageId>(id);
    if (!std::binary_search(deleted.begin(), deleted.end(), passage)) expected.push_back(passage);
  }
  std::vector<PassageId> stored;
  store.for_each_vector(vectors, collection, name.after, name.last,
                        [&](PassageId id, std::span<const float>) { stored.push_back(id); });
  return stored == expected;
}

void check_set(const Store& store, const VectorSet& vectors, SegmentCheck& check) {
  const SegmentOrigin origin = origin_of(store, vectors);
  for (const CollectionInfo& info : store.list_collections()) {
    const auto folder = segments_folder(store.folder(), vectors.number) / info.name;
    for (const SegmentName& name : list_segments(folder)) {
      const auto path = folder / (name.stem() + ".segment");
      const auto problem = [&](std::string_view what) {
        check.problems.add(
            fmt::format("the index segment {} is not usable: {}", path.string(), what));
      };
      try {
        const SegmentFile file(folder, name, origin);
        ++check.segments;
        check.passages += file.shape().rows;
        if (!file.check_codes([] { return false; })) {
          problem("its vectors are damaged");
        } else if (!agrees_with_store(file, store, vectors.number, info.name)) {
          problem("it does not hold the passages that the store has");
        }
      } catch (const Error& error) {
        // Merged into another one since they were listed: that is as it should be.
        const auto names = list_segments(folder);
        if (std::find(names.begin(), names.end(), name) != names.end()) problem(error.message());
      }
    }
  }
}

}  // namespace

SegmentCheck check_segments(const Store& store) {
  SegmentCheck check;
  std::set<std::uint32_t> checked;
  for (const Release& release : store.releases()) {
    if (!checked.insert(release.vectors).second) continue;
    if (const auto vectors = store.vector_set(release.vectors)) check_set(store, *vectors, check);
  }
  return check;
}

}  // namespace tandem
