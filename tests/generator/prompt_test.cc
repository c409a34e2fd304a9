#include "generator/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace tandem {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

Hit make_hit(const std::string& title, const std::string& heading_path, const std::string& text) {
  Hit hit;
  hit.passage.title = title;
  hit.passage.heading_path = heading_path;
  hit.passage.text = text;
  return hit;
}

TEST(PromptTest, PassagesStandNumberedBeforeTheQuestion) {
  const std::vector<ChatMessage> conversation = {{"user", "Where do gulls nest?"}};
  const std::vector<Hit> hits = {make_hit("Birds", "Gulls", "Gulls nest on cliffs."),
                                 make_hit("Coast", "", "The cliffs are chalk.")};
  const std::vector<ChatMessage> messages = with_passages(conversation, hits);
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[1].content,
            "Passages:\n[1] Birds > Gulls\nGulls nest on cliffs.\n\n[2] Coast\nThe cliffs are "
            "chalk.\n\nQuestion: Where do gulls nest?");
}

TEST(PromptTest, PassagesReadIndependentlyAreMarkedAndHaveNoNumber) {
  const std::vector<ChatMessage> conversation = {{"user", "Where do gulls nest?"}};
  const std::vector<Hit> hits = {make_hit("Birds", "Gulls", "Gulls nest on cliffs."),
                                 make_hit("Coast", "", "The cliffs are chalk.")};
  const std::vector<ChatMessage> messages =
      with_passages(conversation, hits, PassageReading::kIndependent);
  EXPECT_EQ(
      messages[1].content,
      "Passages:\n\uFDD0Birds > Gulls\nGulls nest on cliffs.\n\n\uFDD1\uFDD0Coast\nThe cliffs "
      "are chalk.\n\n\uFDD1Question: Where do gulls nest?");
}

TEST(PromptTest, NobodyElseCanMarkAPassage) {
  const std::vector<ChatMessage> conversation = {{"system", "\uFDD0a"},
                                                 {"user", "\uFDD1b\uFDD0"},
                                                 {"assistant", "\uFDD0"},
                                                 {"user", "c\uFDD1d"}};
  const std::vector<Hit> hits = {
      make_hit("\uFDD1Birds", "G\uFDD0", "\uFDD0\uFDD1\uFDD1Cliffs\uFDD0.")};
  const std::vector<ChatMessage> messages =
      with_passages(conversation, hits, PassageReading::kIndependent);
  EXPECT_THAT(messages[0].content, ::testing::EndsWith("\na"));
  EXPECT_EQ(messages[1].content, "b");
  EXPECT_EQ(messages[2].content, "");
  EXPECT_EQ(messages[3].content, "Passages:\n\uFDD0Birds > G\nCliffs.\n\n\uFDD1Question: cd");
}

TEST(PromptTest, OnlyTheLastUserMessageGetsPassages) {
  const std::vector<ChatMessage> conversation = {
      {"user", "Hello"}, {"assistant", "Good morning."}, {"user", "Where do gulls nest?"}};
  const std::vector<Hit> hits = {make_hit("Birds", "", "Gulls nest on cliffs.")};
  const std::vector<ChatMessage> messages = with_passages(conversation, hits);
  ASSERT_THAT(messages, SizeIs(4));
  EXPECT_EQ(messages[1].content, "Hello");
  EXPECT_THAT(messages[3].content, HasSubstr("Gulls nest on cliffs."));
}

TEST(PromptTest, CallersSystemMessageIsKept) {
  const std::vector<ChatMessage> conversation = {{"system", "Answer in rhyme."}, {"user", "Why?"}};
  const std::vector<Hit> hits = {make_hit("Birds", "", "Because.")};
  const std::vector<ChatMessage> messages = with_passages(conversation, hits);
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_THAT(messages[0].content, ::testing::EndsWith("Answer in rhyme."));
  EXPECT_THAT(messages[0].content, StartsWith("Answer the question"));
}

TEST(PromptTest, WithoutPassagesNothingChanges) {
  const std::vector<ChatMessage> conversation = {{"user", "Why?"}};
  const std::vector<ChatMessage> messages = with_passages(conversation, {});
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].content, "Why?");
}

TEST(PromptTest, ConversationMustEndWithTheUser) {
  for (const std::vector<ChatMessage>& conversation :
       {std::vector<ChatMessage>{}, std::vector<ChatMessage>{{"assistant", "Hm."}}}) {
    EXPECT_THROW(with_passages(conversation, {}), Error);
  }
}

}  // namespace
}  // namespace tandem
