#include "generator/fitted_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_generator.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> contents(const std::vector<ChatMessage>& messages) {
  std::vector<std::string> all;
  all.reserve(messages.size());
  for (const ChatMessage& message : messages) all.push_back(message.content.substr(0, 2));
  return all;
}

// A message of so many tokens with its line break, in a context of 4,000.
ChatMessage message(const std::string& role, const std::string& name, std::size_t tokens) {
  return {role, name + std::string(tokens - name.size() - 1, '.')};
}

class NewestMessagesTest : public ::testing::Test {
 protected:
  std::vector<std::string> newest(const std::vector<ChatMessage>& messages, int max_tokens = 100) {
    return contents(newest_messages(generator_, messages, max_tokens));
  }

  testing::FakeGenerator generator_;
};

TEST_F(NewestMessagesTest, AllStayWhereThereIsRoom) {
  EXPECT_THAT(newest({message("system", "s0", 900), message("user", "u1", 1000),
                      message("assistant", "a1", 1000), message("user", "u2", 1000)}),
              ElementsAre("s0", "u1", "a1", "u2"));
}

TEST_F(NewestMessagesTest, TheOldestGoFirstAndWhole) {
  const std::vector<ChatMessage> messages = {
      message("system", "s0", 100),     message("user", "u1", 1500),
      message("assistant", "a1", 1000), message("user", "u2", 1500),
      message("assistant", "a2", 1000), message("user", "u3", 50)};
  // Without the first question its answer would stand alone.
  EXPECT_THAT(newest(messages), ElementsAre("s0", "u2", "a2", "u3"));
  EXPECT_THAT(newest({messages.begin() + 1, messages.end()}), ElementsAre("u2", "a2", "u3"));
}

TEST_F(NewestMessagesTest, RoomForTheAnswerIsKept) {
  const std::vector<ChatMessage> messages = {
      message("user", "u1", 1900), message("assistant", "a1", 1000), message("user", "u2", 1000)};
  EXPECT_THAT(newest(messages, 100), ElementsAre("u1", "a1", "u2"));
  EXPECT_THAT(newest(messages, 101), ElementsAre("u2"));
}

TEST_F(NewestMessagesTest, TheQuestionStaysHoweverLongItIs) {
  const std::vector<ChatMessage> messages = {message("system", "s0", 10), message("user", "u1", 10),
                                             message("assistant", "a1", 10),
                                             message("user", "u2", 5000)};
  EXPECT_THAT(newest(messages), ElementsAre("s0", "u2"));
  EXPECT_FALSE(fits_context(generator_, newest_messages(generator_, messages, 1)));
  EXPECT_THAT(newest({message("system", "s0", 5000)}), ElementsAre("s0"));
  EXPECT_TRUE(newest({}).empty());
}

TEST(FitsContextTest, OneTokenOfTheAnswerIsEnough) {
  const testing::FakeGenerator generator;
  EXPECT_TRUE(fits_context(generator, std::vector{message("user", "u", 3999)}));
  EXPECT_FALSE(fits_context(generator, std::vector{message("user", "u", 4000)}));
}

}  // namespace
}  // namespace tandem
