#include "base/utf8.h"

#include <gtest/gtest.h>
#include <unicode/unistr.h>

#include <random>
#include <string>
#include <vector>

namespace tandem {
namespace {

const std::string kReplacement = "\xEF\xBF\xBD";

TEST(Utf8Test, DecodesTheEndsOfEveryLength) {
  struct Case {
    std::string bytes;
    char32_t code_point;
  };
  for (const Case& c : std::vector<Case>{{std::string(1, '\0'), 0},
                                         {"\x7F", 0x7F},
                                         {"\xC2\x80", 0x80},
                                         {"\xDF\xBF", 0x7FF},
                                         {"\xE0\xA0\x80", 0x800},
                                         {"\xED\x9F\xBF", 0xD7FF},
                                         {"\xEE\x80\x80", 0xE000},
                                         {"\xEF\xBF\xBF", 0xFFFF},
                                         {"\xF0\x90\x80\x80", 0x10000},
                                         {"\xF4\x8F\xBF\xBF", 0x10FFFF}}) {
    const Utf8Char decoded = decode_utf8(c.bytes + "x");
    EXPECT_TRUE(decoded.valid);
    EXPECT_EQ(decoded.code_point, c.code_point);
    EXPECT_EQ(decoded.size_bytes, c.bytes.size());
    std::string encoded;
    append_utf8(c.code_point, encoded);
    EXPECT_EQ(encoded, c.bytes);
  }
}

TEST(Utf8Test, RefusesOverlongSurrogateAndTooLargeSequences) {
  for (const char* bytes :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\x80", "\xE2\x82", "\xF0\x9F\x98"}) {
    EXPECT_FALSE(is_valid_utf8(bytes)) << bytes;
  }
}

// The Unicode Standard, section 3.9, table 3-8: maximal subparts.
TEST(Utf8Test, RepairReplacesMaximalSubparts) {
  const std::string r = kReplacement;
  EXPECT_EQ(repair_utf8("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a" + r + r + r + "b" + r + "c" + r + r + "d");
  EXPECT_EQ(repair_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            r + r + r + r + r + r + r + r + "A");
}

TEST(Utf8Test, RepairKeepsValidTextAndZeroBytes) {
  const std::string text = std::string("na\xC3\xAFve \xF0\x9F\x98\x80") + '\0' + "end";
  EXPECT_EQ(repair_utf8(text), text);
  EXPECT_TRUE(is_valid_utf8(text));
}

TEST(Utf8Test, RepairAgreesWithIcuOnRandomBytes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  // Bytes near the borders between the classes of bytes, where decoders go wrong.
  const std::string alphabet =
      "a\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5"
      "\xFF";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    const std::size_t size = random() % 12;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(alphabet[random() % alphabet.size()]);
    std::string expected;
    const icu::UnicodeString wide = icu::UnicodeString::fromUTF8(bytes);
    wide.toUTF8String(expected);
    ASSERT_EQ(repair_utf8(bytes), expected);
    ASSERT_EQ(count_code_points(bytes), static_cast<std::size_t>(wide.countChar32()));
  }
}

TEST(Utf8Test, AppendRefusesSurrogatesAndValuesBeyondUnicode) {
  std::string out;
  append_utf8(0xD800, out);
  append_utf8(0x110000, out);
  EXPECT_EQ(out, kReplacement + kReplacement);
}

TEST(Utf8Test, OffsetsConvertBetweenCodePointsAndBytes) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  EXPECT_EQ(count_code_points(text), 5u);
  const std::size_t expected[] = {0, 1, 3, 6, 10, 11, 11};
  for (std::size_t i = 0; i < std::size(expected); ++i)
    EXPECT_EQ(byte_offset(text, i), expected[i]);
}

TEST(Utf8Test, CompletePrefixHoldsBackOnlyWhatMayStillBecomeACharacter) {
  const std::string smile = "\xF0\x9F\x98\x80";
  for (std::size_t cut = 1; cut < 4; ++cut) {
    EXPECT_EQ(complete_utf8_prefix("ab" + smile.substr(0, cut)), 2u);
  }
  EXPECT_EQ(complete_utf8_prefix("ab" + smile), 6u);
  EXPECT_EQ(complete_utf8_prefix(""), 0u);
  EXPECT_EQ(complete_utf8_prefix("abc"), 3u);
  EXPECT_EQ(complete_utf8_prefix("\xE0\x80"), 2u);      // overlong: hopeless
  EXPECT_EQ(complete_utf8_prefix("\x80\x80\x80"), 3u);  // nothing they belong to
  EXPECT_EQ(complete_utf8_prefix("a\xFF"), 2u);
}

TEST(Utf8Test, TextStreamedByteByByteArrivesWhole) {
  const std::string text = "\xD0\x9F\xD1\x80\xD0\xB8 \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80!";
  std::string held;
  std::string sent;
  for (const char byte : text) {
    held.push_back(byte);
    const std::size_t ready = complete_utf8_prefix(held);
    ASSERT_TRUE(is_valid_utf8(std::string_view(held).substr(0, ready)));
    sent += held.substr(0, ready);
    held.erase(0, ready);
  }
  EXPECT_EQ(sent, text);
  EXPECT_EQ(held, "");
}

TEST(Utf8Test, LowerAsciiLeavesAllOtherBytes) {
  EXPECT_EQ(lower_ascii("AZ[@`az{ \xC3\x89\xFF"), "az[@`az{ \xC3\x89\xFF");
}

}  // namespace
}  // namespace tandem
