// Which segments are made into one, and when.
//
// As in a log-structured merge tree, with one difference: segments of a collection are intervals of
// passage ids, so only neighbours merge. A segment is left alone as long as it holds more than
// kGrowth times what comes after it; then those of a collection are few (about log3 of its size in
// segments' capacities), most of it is in the first, and a vector is written again a number of
// times that grows with the logarithm of the size.
#ifndef TANDEM_RETRIEVER_MERGE_POLICY_H_
#define TANDEM_RETRIEVER_MERGE_POLICY_H_

#include <cstddef>
#include <optional>
#include <span>

namespace tandem {

inline constexpr std::size_t kGrowth = 2;

struct PartSize {
  std::size_t rows = 0;
  std::size_t live = 0;
  bool outdated = false;  // of another kind than is wanted, or damaged
};

// Those with begin <= place < end, as places among the sealed segments.
struct MergePlan {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool growing = false;  // the growing rows too; `end` is the number of segments then

  bool operator==(const MergePlan&) const = default;
};

// Nullopt if all is as it should be. Growing rows are sealed when there are `capacity` of them, and
// a segment that is outdated, or of which most rows were deleted, is made again.
std::optional<MergePlan> plan_merge(std::span<const PartSize> sealed, PartSize growing,
                                    std::size_t capacity);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_MERGE_POLICY_H_
