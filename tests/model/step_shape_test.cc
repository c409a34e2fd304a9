#include "model/step_shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tandem::device {
namespace {

using ::testing::ElementsAre;

SegmentSize decoded(int past, int tokens = 1) {
  return {.past = past, .tokens = tokens, .logit_count = tokens, .decoded = true};
}
SegmentSize prompt(int past, int tokens, int logit_count = 0) {
  return {.past = past, .tokens = tokens, .logit_count = logit_count, .decoded = false};
}

TEST(StepShapeTest, SizesAreRoundedToAFew) {
  std::vector<int> sizes;
  for (int count = 1; count <= 40; ++count)
    if (sizes.empty() || sizes.back() != round_size(count)) sizes.push_back(round_size(count));
  EXPECT_THAT(sizes, ElementsAre(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48));
  for (int count = 1; count <= 5000; ++count) {
    EXPECT_GE(round_size(count), count);
    EXPECT_LT(2 * round_size(count), 3 * count + 2);
  }
}

TEST(StepShapeTest, DecodedTokensOfAllSequencesAreOnePass) {
  const std::vector<SegmentSize> segments = {decoded(31), decoded(100, 3), decoded(64)};
  const auto passes = plan_step(segments, 0);
  ASSERT_EQ(passes.size(), 1u);
  const StepShape expected = {
      .sequences = 4, .tokens = 3, .blocks = 4, .logits = 8, .decoded = true, .fresh = false};
  EXPECT_EQ(passes[0].shape, expected);
  EXPECT_EQ(passes[0].pieces.size(), 3u);
}

TEST(StepShapeTest, SequencesThatGrowKeepTheirShapeForMostSteps) {
  std::vector<StepShape> shapes;
  for (int past = 1; past < 1000; ++past) {
    const std::vector<SegmentSize> segments = {decoded(past), decoded(past / 2)};
    const StepShape shape = plan_step(segments, 0).at(0).shape;
    if (shapes.empty() || shapes.back() != shape) shapes.push_back(shape);
  }
  EXPECT_EQ(shapes.size(), 10u);  // 1, 2, 3, 4, 6, 8, 12, 16, 24 and 32 blocks
}

TEST(StepShapeTest, BeginningsOfPromptsSeeThemselvesOnly) {
  const std::vector<SegmentSize> segments = {prompt(0, 100, 1), prompt(64, 100), prompt(0, 97)};
  const auto passes = plan_step(segments, 0);
  ASSERT_EQ(passes.size(), 2u);
  const auto fresh =
      std::ranges::find_if(passes, [](const auto& pass) { return pass.shape.fresh; });
  ASSERT_NE(fresh, passes.end());
  EXPECT_EQ(fresh->pieces.size(), 2u);
  EXPECT_EQ(fresh->shape.tokens, 128);
  EXPECT_EQ(fresh->shape.blocks, 0);
  EXPECT_EQ(fresh->shape.logits, 1);
  // A window that is shorter than the prompt needs a mask.
  for (const StepPass& pass : plan_step(segments, 98)) {
    const bool longer = pass.pieces[0].tokens > 98;
    EXPECT_EQ(pass.shape.fresh, !longer && pass.pieces[0].segment == 2) << pass.shape.tokens;
  }
}

TEST(StepShapeTest, PromptsOfOtherLengthsDoNotPadEachOther) {
  const std::vector<SegmentSize> segments = {prompt(0, 200), prompt(0, 7), prompt(0, 193)};
  const auto passes = plan_step(segments, 0);
  ASSERT_EQ(passes.size(), 2u);
  EXPECT_EQ(passes[0].shape.rows() + passes[1].shape.rows(), 8 + 2 * 256);
}

TEST(StepShapeTest, ALongSegmentIsPiecesOfWhichTheLaterSeeTheEarlier) {
  const std::vector<SegmentSize> segments = {prompt(10, 2 * kMostRows + 5, 7)};
  const auto passes = plan_step(segments, 0);
  ASSERT_EQ(passes.size(), 3u);
  EXPECT_EQ(passes[0].pieces[0].logit_count, 0);
  EXPECT_EQ(passes[1].pieces[0].logit_count, 2);
  EXPECT_EQ(passes[2].pieces[0].logit_count, 5);
  EXPECT_EQ(passes[2].pieces[0].first, 2 * kMostRows);
  EXPECT_GE(passes[2].shape.blocks * kBlockPositions, 10 + 2 * kMostRows + 5);
}

// Whatever comes, each token is computed once, after those before it, in a pass with room for it.
TEST(StepShapeTest, AnyStepIsCoveredOnce) {
  std::mt19937 random(1);
  const auto below = [&](int end) {
    return static_cast<int>(random() % static_cast<unsigned>(end));
  };
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<SegmentSize> segments;
    for (int i = below(100); i >= 0; --i) {
      if (below(2) == 0) {
        segments.push_back(decoded(below(3000), 1 + below(8)));
      } else {
        const int tokens = 1 + below(below(10) == 0 ? 5000 : 300);
        segments.push_back(prompt(below(2) * below(3000), tokens, below(tokens + 1)));
      }
    }
    std::vector<int> done(segments.size(), 0);
    std::vector<int> logits(segments.size(), 0);
    for (const auto& [shape, pieces] : plan_step(segments, 0)) {
      EXPECT_LE(static_cast<int>(pieces.size()), shape.sequences);
      EXPECT_LE(shape.sequences, kMostSequences);
      EXPECT_LE(shape.rows(), kMostRows);
      int wanted = 0;
      for (const SegmentPiece& piece : pieces) {
        const SegmentSize& segment = segments[piece.segment];
        EXPECT_EQ(piece.first, done[piece.segment]);
        EXPECT_LE(piece.tokens, shape.tokens);
        EXPECT_EQ(segment.decoded, shape.decoded);
        if (!shape.fresh) {
          EXPECT_LE(segment.past + piece.first + piece.tokens, shape.blocks * kBlockPositions);
        } else {
          EXPECT_EQ(segment.past + piece.first, 0);
        }
        done[piece.segment] += piece.tokens;
        logits[piece.segment] += piece.logit_count;
        wanted += piece.logit_count;
      }
      EXPECT_LE(wanted, shape.logits);
    }
    for (std::size_t i = 0; i < segments.size(); ++i) {
      EXPECT_EQ(done[i], segments[i].tokens);
      EXPECT_EQ(logits[i], segments[i].logit_count);
    }
  }
}

TEST(StepShapeTest, BlocksWithinAWindowHoldAllThatIsSeen) {
  for (int window = 1; window <= 100; ++window) {
    for (const int tokens : {1, 2, 5, 32, 33}) {
      for (int past = 0; past < 200; past += 7) {
        const StepShape shape = {.sequences = 1, .tokens = tokens, .blocks = 12};
        const int first = first_block_within(past, window) * kBlockPositions;
        EXPECT_LE(first, std::max(0, past + 1 - window));
        const int end = first + blocks_within(shape, window) * kBlockPositions;
        EXPECT_GE(end, past + tokens);
      }
    }
  }
  EXPECT_EQ(blocks_within({.sequences = 1, .tokens = 1, .blocks = 100}, 512), 17);
  EXPECT_EQ(blocks_within({.sequences = 1, .tokens = 1, .blocks = 3}, 512), 3);
}

}  // namespace
}  // namespace tandem::device
