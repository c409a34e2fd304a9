#include "generator/follow_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::Pair;

TEST(QuestionWithFormerTest, TheTwoQuestionsBeforeComeBehindItTheNewerFirst) {
  const std::vector<ChatMessage> conversation = {
      {"system", "Be kind."}, {"user", "Zero?"},
      {"assistant", "0."},    {"user", "One?"},
      {"assistant", "1."},    {"user", "Two?"},
      {"assistant", "2."},    {"user", "And how tall is it?"}};
  EXPECT_EQ(question_with_former(conversation), "And how tall is it?\nTwo?\nOne?");
  EXPECT_EQ(question_with_former(std::span(conversation).first(4)), "One?\nZero?");
}

TEST(QuestionWithFormerTest, WithoutFormerQuestionsThereIsNothing) {
  EXPECT_EQ(question_with_former(std::vector<ChatMessage>{{"user", "One?"}}), std::nullopt);
  EXPECT_EQ(question_with_former(std::vector<ChatMessage>{
                {"system", "s"}, {"assistant", "Hello!"}, {"user", "One?"}}),
            std::nullopt);
}

TEST(QuestionWithFormerTest, WhatIsNoQuestionIsPassedOver) {
  const std::vector<ChatMessage> conversation = {{"user", "Zero?"},
                                                 {"user", std::string(kMaxQuestionBytes + 1, 'x')},
                                                 {"user", " \n"},
                                                 {"user", std::string(kMaxQuestionBytes, 'y')},
                                                 {"user", "One?"}};
  EXPECT_EQ(question_with_former(conversation),
            "One?\n" + std::string(kMaxQuestionBytes, 'y') + "\nZero?");
}

Hit hit(PassageId id, float score) {
  Hit made;
  made.passage.id = id;
  made.passage.text = "passage " + std::to_string(id);
  made.score = score;
  return made;
}

TEST(FuseHitsTest, ScoresAreWeightedSums) {
  const auto fused = fuse_hits({hit(1, 1.0f), hit(2, 0.5f), hit(4, 0.2f)},
                               {hit(3, 1.0f), hit(2, 0.75f), hit(1, 0.1f)}, 3);
  constexpr float kWeight = kFormerQuestionsWeight;
  std::vector<std::pair<PassageId, float>> found;
  for (const Hit& one : fused) {
    EXPECT_EQ(one.passage.text, "passage " + std::to_string(one.passage.id));
    found.emplace_back(one.passage.id, one.score);
  }
  EXPECT_THAT(found, ElementsAre(Pair(2, FloatEq((1 - kWeight) * 0.5f + kWeight * 0.75f)),
                                 Pair(3, FloatEq(kWeight)),
                                 Pair(1, FloatEq((1 - kWeight) * 1.0f + kWeight * 0.1f))));
}

TEST(FuseHitsTest, OneRankingMayBeEmpty) {
  EXPECT_TRUE(fuse_hits({}, {}, 3).empty());
  EXPECT_EQ(fuse_hits({hit(1, 1)}, {}, 3).size(), 1u);
  EXPECT_EQ(fuse_hits({}, {hit(1, 1), hit(2, 0.5f)}, 1).at(0).passage.id, 1u);
}

}  // namespace
}  // namespace tandem
