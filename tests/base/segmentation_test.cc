#include "base/segmentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace tandem {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> parts(std::string_view text, const std::vector<TextSpan>& spans) {
  std::vector<std::string> out;
  for (const TextSpan& span : spans) out.emplace_back(span.of(text));
  return out;
}

TEST(SegmentationTest, SentencesCoverTheTextWithTheSpaceBehindThem) {
  const std::string text = "Is it on? Yes. It \xE2\x80\x9Cruns\xE2\x80\x9D!  Good";
  EXPECT_THAT(parts(text, split_sentences(text)),
              ElementsAre("Is it on? ", "Yes. ", "It \xE2\x80\x9Cruns\xE2\x80\x9D!  ", "Good"));
}

TEST(SegmentationTest, SentencesEndAtIdeographicFullStops) {
  const std::string text = "猫がいる。犬もいる。";
  EXPECT_THAT(parts(text, split_sentences(text)), ElementsAre("猫がいる。", "犬もいる。"));
}

TEST(SegmentationTest, WordsLeaveOutPunctuationAndSpace) {
  const std::string text = "Don't panic: 3.14 is (roughly) π!";
  EXPECT_THAT(parts(text, split_words(text)),
              ElementsAre("Don't", "panic", "3.14", "is", "roughly", "π"));
}

TEST(SegmentationTest, EmptyTextHasNoParts) {
  EXPECT_TRUE(split_sentences("").empty());
  EXPECT_TRUE(split_words("").empty());
}

TEST(SegmentationTest, InvalidUtf8GivesSpansInsideTheText) {
  const std::string text = "one \xFF\xC3 two. \xE2\x82";
  for (const TextSpan& span : split_words(text)) {
    EXPECT_LT(span.begin, span.end);
    EXPECT_LE(span.end, text.size());
  }
}

TEST(SegmentationTest, ThreadsDoNotDisturbEachOther) {
  const std::string text = "First sentence here. Second one there. Third.";
  const auto expected = parts(text, split_sentences(text));
  std::vector<std::thread> threads;
  std::vector<int> failures(4);
  for (int& failed : failures) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) failed += parts(text, split_sentences(text)) != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(0));
}

}  // namespace
}  // namespace tandem
