#include "generator/draft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<TokenId> draft(Drafter& drafter, const std::vector<TokenId>& context,
                           std::size_t limit = 100) {
  const auto tokens = drafter.draft(context, limit);
  return {tokens.begin(), tokens.end()};
}

TEST(DrafterTest, ContinuesAsTheTextDidBefore) {
  Drafter drafter;
  EXPECT_THAT(draft(drafter, {1, 2, 3, 4, 5, 6, 9, 1, 2, 3}), ElementsAre(4, 5, 6, 9));
}

TEST(DrafterTest, TakesTheLatestOccurrence) {
  Drafter drafter;
  EXPECT_THAT(draft(drafter, {1, 2, 3, 4, 1, 2, 3, 7, 8, 1, 2, 3}, 2), ElementsAre(7, 8));
}

TEST(DrafterTest, HasNothingForNewText) {
  Drafter drafter;
  EXPECT_THAT(draft(drafter, {}), IsEmpty());
  EXPECT_THAT(draft(drafter, {1, 2, 3}), IsEmpty());
  EXPECT_THAT(draft(drafter, {1, 2, 3, 4, 5, 6}), IsEmpty());
  EXPECT_THAT(draft(drafter, {1, 2, 3, 1, 2, 3}, 0), IsEmpty());
}

TEST(DrafterTest, GrowsWithSuccessAndShrinksWithFailure) {
  std::vector<TokenId> context(43);
  for (std::size_t i = 0; i < context.size(); ++i) context[i] = static_cast<TokenId>(i % 40);
  Drafter drafter;
  EXPECT_EQ(draft(drafter, context).size(), 4u);
  drafter.learn(4, 4);
  EXPECT_EQ(draft(drafter, context).size(), 9u);
  drafter.learn(9, 9);
  EXPECT_EQ(draft(drafter, context).size(), Drafter::kMaxTokens);
  drafter.learn(Drafter::kMaxTokens, 3);
  EXPECT_EQ(draft(drafter, context).size(), 4u);
  drafter.learn(4, 0);
  EXPECT_EQ(draft(drafter, context).size(), 2u);
}

TEST(DrafterTest, RestsAfterFailuresInARow) {
  const std::vector<TokenId> context = {1, 2, 3, 4, 1, 2, 3};
  Drafter drafter;
  std::size_t drafts = 0;
  for (int step = 0; step < 200; ++step) {
    const std::size_t count = draft(drafter, context).size();
    drafts += count > 0;
    drafter.learn(count, 0);
  }
  EXPECT_LT(drafts, 12u);
  EXPECT_GT(drafts, 2u);
}

}  // namespace
}  // namespace tandem
