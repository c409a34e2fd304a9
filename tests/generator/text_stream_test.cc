#include "generator/text_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"

namespace tandem {
namespace {

// What is shown after each piece, then after the end.
std::vector<std::string> shown(const std::vector<std::string>& stop,
                               const std::vector<std::string>& pieces) {
  TextStream stream(stop);
  std::vector<std::string> out;
  for (const auto& piece : pieces) out.push_back(stream.push(piece));
  out.push_back(stream.finish());
  return out;
}

using Texts = std::vector<std::string>;

TEST(TextStreamTest, ShowsWholeCharactersOnly) {
  EXPECT_EQ(shown({}, {"a\xE4\xB8", "\x96", "b"}), Texts({"a", "世", "b", ""}));
  EXPECT_EQ(shown({}, {"\xF0", "\x9F", "\x8C", "\x8D!"}), Texts({"", "", "", "🌍!", ""}));
}

TEST(TextStreamTest, ReplacesBytesThatNeverBecomeACharacter) {
  EXPECT_EQ(shown({}, {"a\xFF", "b"}), Texts({"a\uFFFD", "b", ""}));
  EXPECT_EQ(shown({}, {"\xE4\xB8", "x"}), Texts({"", "\uFFFDx", ""}));
}

TEST(TextStreamTest, DropsACharacterLeftIncompleteAtTheEnd) {
  EXPECT_EQ(shown({}, {"ab\xF0\x9F"}), Texts({"ab", ""}));
}

TEST(TextStreamTest, EndsBeforeAStopString) {
  TextStream stream({"END"});
  EXPECT_EQ(stream.push("one "), "one ");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.push("two END three"), "two ");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.push("four"), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStreamTest, FindsAStopStringAcrossPieces) {
  EXPECT_EQ(shown({"\n\nQ:"}, {"yes\n", "\n", "Q", ": no"}), Texts({"yes", "", "", "", ""}));
  EXPECT_EQ(shown({"世界"}, {"a\xE4\xB8", "\x96\xE7", "\x95\x8C b"}), Texts({"a", "", "", ""}));
}

TEST(TextStreamTest, ReleasesWhatTurnedOutNotToBeAStopString) {
  EXPECT_EQ(shown({"aab"}, {"a", "a", "a", "c"}), Texts({"", "", "a", "aac", ""}));
  EXPECT_EQ(shown({"stop"}, {"st", "ep"}), Texts({"", "step", ""}));
  EXPECT_EQ(shown({"stop"}, {"sto"}), Texts({"", "sto"}));
}

TEST(TextStreamTest, TakesTheStopStringThatComesFirst) {
  EXPECT_EQ(shown({"zz", "y"}, {"x y zz"}), Texts({"x ", ""}));
  EXPECT_EQ(shown({"abc", "b"}, {"a", "b"}), Texts({"", "a", ""}));
  EXPECT_EQ(shown({"abc", "b"}, {"abc"}), Texts({"a", ""}));
  EXPECT_EQ(shown({"b", "ab"}, {"xab"}), Texts({"x", ""}));
}

// However the bytes are cut, the text is the one that a single piece gives.
TEST(TextStreamTest, CuttingDoesNotChangeTheText) {
  const std::uint32_t seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Texts words = {"a", "b", "ab", "é", "世", "🌍", "\n", "\xFF", "\xE4", "aba"};
  const auto pick = [&](std::size_t count) { return random() % count; };
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::size_t i = pick(12); i > 0; --i) text += words[pick(words.size())];
    Texts stop;
    for (std::size_t i = pick(3); i > 0; --i) {
      std::string word;
      for (std::size_t k = 1 + pick(3); k > 0; --k) word += words[pick(7)];
      stop.push_back(word);
    }
    std::string expected = text.substr(0, complete_utf8_prefix(text));
    // The shortest beginning that ends with a stop string, without it.
    for (std::size_t end = 1, found = 0; end <= text.size() && found == 0; ++end) {
      for (const auto& word : stop)
        if (std::string_view(text).substr(0, end).ends_with(word))
          found = std::max(found, word.size());
      if (found > 0) expected = text.substr(0, end - found);
    }
    expected = repair_utf8(expected);

    TextStream stream(stop);
    std::string got;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t size = 1 + pick(4);
      const std::string piece = stream.push(std::string_view(text).substr(i, size));
      EXPECT_TRUE(is_valid_utf8(piece));
      got += piece;
      i += size;
    }
    got += stream.finish();
    ASSERT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace tandem
