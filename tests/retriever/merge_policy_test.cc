#include "retriever/merge_policy.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace tandem {
namespace {

struct Case {
  const char* name;
  std::vector<PartSize> sealed;
  PartSize growing;
  std::optional<MergePlan> expected;
};

class MergePolicyTest : public ::testing::TestWithParam<Case> {};

TEST_P(MergePolicyTest, Plans) {
  EXPECT_EQ(plan_merge(GetParam().sealed, GetParam().growing, 10), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, MergePolicyTest,
    ::testing::Values(
        Case{"Nothing", {}, {}, std::nullopt}, Case{"FewGrowing", {}, {9, 9}, std::nullopt},
        Case{"Seals", {}, {10, 10}, MergePlan{0, 0, true}},
        Case{"SealsWhatIsMostlyDeleted", {}, {10, 1}, MergePlan{0, 0, true}},
        Case{"SealsWithWhatIsSmall", {{100, 100}, {20, 20}}, {10, 10}, MergePlan{1, 2, true}},
        Case{"SealsAlone", {{21, 21}}, {10, 10}, MergePlan{1, 1, true}},
        Case{"OneSealReachesAll", {{60, 60}, {20, 20}}, {10, 10}, MergePlan{0, 2, true}},
        Case{"LeavesWhatIsLargeEnough", {{201, 201}, {60, 60}, {20, 20}}, {5, 5}, std::nullopt},
        Case{"MergesWhatHasShrunk",
             {{201, 201}, {60, 40}, {20, 20}},
             {5, 5},
             MergePlan{1, 3, false}},
        Case{"LeavesHalfDeleted", {{100, 50}}, {}, std::nullopt},
        Case{"MakesMostlyDeletedAgain", {{300, 149}, {20, 20}}, {}, MergePlan{0, 1, false}},
        Case{"MakesOutdatedAgain",
             {{300, 300}, {100, 100, true}, {20, 20}},
             {},
             MergePlan{1, 2, false}},
        Case{"LeavesEmpty", {{0, 0}}, {}, std::nullopt}),
    [](const auto& param) { return param.param.name; });

// What is promised about the number of segments and of rewritings, by carrying plans out.
TEST(MergePolicyGrowthTest, SegmentsStayFewAndRowsAreSeldomWrittenAgain) {
  std::vector<PartSize> sealed;
  std::size_t written = 0;
  constexpr std::size_t kSeals = 1000;
  std::size_t most = 0;
  for (std::size_t i = 0; i < kSeals; ++i) {
    PartSize growing{10, 10};
    while (const auto plan = plan_merge(sealed, growing, 10)) {
      PartSize made;
      for (std::size_t at = plan->begin; at < plan->end; ++at) made.rows += sealed[at].rows;
      if (plan->growing) made.rows += std::exchange(growing, {}).rows;
      made.live = made.rows;
      written += made.rows;
      sealed.erase(sealed.begin() + static_cast<std::ptrdiff_t>(plan->begin),
                   sealed.begin() + static_cast<std::ptrdiff_t>(plan->end));
      sealed.insert(sealed.begin() + static_cast<std::ptrdiff_t>(plan->begin), made);
    }
    most = std::max(most, sealed.size());
  }
  EXPECT_LE(most, 7u);  // log3 1000 = 6.3
  EXPECT_LE(written, 20 * 10 * kSeals);
}

}  // namespace
}  // namespace tandem
