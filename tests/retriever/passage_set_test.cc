#include "retriever/passage_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace tandem {
namespace {

TEST(PassageSetTest, IsEmptyByItself) {
  EXPECT_EQ(PassageSet().size(), 0u);
  EXPECT_FALSE(PassageSet().contains(0));
  EXPECT_FALSE(PassageSet(std::vector<PassageRange>{{5, 5}}).contains(5));
}

TEST(PassageSetTest, JoinsAdjacentRanges) {
  const PassageSet set(std::vector<PassageRange>{{3, 5}, {5, 6}, {6, 6}, {8, 9}});
  ASSERT_EQ(set.ranges().size(), 2u);
  EXPECT_EQ(set.ranges()[0].begin, 3u);
  EXPECT_EQ(set.ranges()[0].end, 6u);
  EXPECT_EQ(set.size(), 4u);
}

TEST(PassageSetTest, ContainsWhatItsRangesHoldAndNothingAround) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<PassageRange> ranges;
  std::set<PassageId> expected;
  PassageId next = 1 + random() % 1000;
  for (int i = 0; i < 50; ++i) {
    const PassageRange range{next, next + random() % 70};
    for (PassageId id = range.begin; id < range.end; ++id) expected.insert(id);
    ranges.push_back(range);
    next = range.end + random() % 100;
  }
  const PassageSet set(ranges);
  EXPECT_EQ(set.size(), expected.size());
  for (PassageId id = 0; id < next + 200; ++id) {
    ASSERT_EQ(set.contains(id), expected.count(id) == 1) << id;
  }
}

}  // namespace
}  // namespace tandem
