#include "indexer/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "tests/support/errors.h"

namespace tandem {
namespace {

using namespace std::string_view_literals;
using testing::error_code_of;
using testing::error_of;

TEST(ReaderTest, PlainTextKeepsItsWordsAndGetsUnixLineEnds) {
  const SourceText source = read_source("one\r\ntwo\rthree\n", "notes.txt");
  EXPECT_EQ(source.text, "one\ntwo\nthree\n");
  EXPECT_EQ(source.media_type, "text/plain");
  EXPECT_TRUE(source.headings.empty());
}

TEST(ReaderTest, ChoosesByExtensionWhereTheBytesDoNotTell) {
  EXPECT_EQ(read_source("# A\n\ntext", "a.md").media_type, "text/markdown");
  EXPECT_EQ(read_source("# A\n\ntext", "a.MARKDOWN").media_type, "text/markdown");
  EXPECT_EQ(read_source("# A\n\ntext", "a.txt").media_type, "text/plain");
  EXPECT_EQ(read_source("# A\n\ntext", "no extension").media_type, "text/plain");
  EXPECT_EQ(read_source("<p>fragment</p>", "a.html").media_type, "text/html");
}

TEST(ReaderTest, LeadingBytesWinOverTheExtension) {
  EXPECT_EQ(read_source("\n<!-- saved -->\n<!DOCTYPE html><p>x y z", "a.txt").media_type,
            "text/html");
  EXPECT_EQ(error_code_of([] { read_source("\x89PNG\r\n\x1a\n....", "photo.md"); }),
            ErrorCode::kUnsupported);
}

TEST(ReaderTest, ReadmeThatOpensWithATagStaysMarkdown) {
  EXPECT_EQ(read_source("<p align=center>logo</p>\n\n# Name\n", "README.md").title, "Name");
}

TEST(ReaderTest, DecodesEveryCommonEncoding) {
  const std::string expected = "caf\u00E9 \u2013 \u20AC5";
  const auto read = [](std::string_view bytes) { return read_source(bytes, "a.txt").text; };
  EXPECT_EQ(read(expected), expected);
  EXPECT_EQ(read("\xEF\xBB\xBF" + expected), expected);
  EXPECT_EQ(read("caf\xE9 \x96 \x80"
                 "5"),
            expected);
  EXPECT_EQ(read("\xFF\xFE"
                 "c\0a\0f\0\xE9\0 \0\x13\x20 \0\xAC\x20"
                 "5\0"sv),
            expected);
  EXPECT_EQ(read("\xFE\xFF"
                 "\0c\0a\0f\0\xE9\0 \x20\x13\0 \x20\xAC\0"
                 "5"sv),
            expected);
}

TEST(ReaderTest, DetectsRussianAndJapaneseByTheirStatistics) {
  // "Это предложение написано для проверки." in KOI8-R and "これは文字コードの判定を試す文です。"
  // in Shift_JIS, repeated: detectors need some text.
  std::string koi8;
  std::string sjis;
  for (int i = 0; i < 6; ++i) {
    koi8 +=
        "\xFC\xD4\xCF \xD0\xD2\xC5\xC4\xCC\xCF\xD6\xC5\xCE\xC9\xC5 "
        "\xCE\xC1\xD0\xC9\xD3\xC1\xCE\xCF \xC4\xCC\xD1 \xD0\xD2\xCF\xD7\xC5\xD2\xCB\xC9. ";
    sjis +=
        "\x82\xB1\x82\xEA\x82\xCD\x95\xB6\x8E\x9A\x83R\x81[\x83h\x82\xCC\x94\xBB\x92\xE8"
        "\x82\xF0\x8E\x8E\x82\xB7\x95\xB6\x82\xC5\x82\xB7\x81\x42";
  }
  EXPECT_TRUE(read_source(koi8, "a.txt").text.starts_with("Это предложение написано"));
  EXPECT_TRUE(read_source(sjis, "a.txt").text.starts_with("これは文字コードの判定"));
}

TEST(ReaderTest, AFewDamagedBytesDoNotTurnUtf8IntoSomethingElse) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "d\u00E9j\u00E0 vu ";
  text.insert(5, "\xFF");
  const std::string read = read_source(text, "a.txt").text;
  EXPECT_NE(read.find("d\u00E9j\u00E0 vu"), std::string::npos);
  EXPECT_NE(read.find("\uFFFD"), std::string::npos);
}

TEST(ReaderTest, EmptyAndBlankDocumentsAreInvalid) {
  EXPECT_EQ(error_code_of([] { read_source("", "a.txt"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([] { read_source(" \n\t\n", "a.md"); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_code_of([] { read_source("<html><body><script>x()</script>", "a.html"); }),
            ErrorCode::kInvalidArgument);
}

TEST(ReaderTest, DocumentsOverTheLimitAreTooLarge) {
  EXPECT_EQ(error_code_of([] { read_source("12345678", "a.txt", {.max_bytes = 7}); }),
            ErrorCode::kTooLarge);
  EXPECT_EQ(read_source("1234567", "a.txt", {.max_bytes = 7}).text, "1234567");
}

TEST(ReaderTest, RefusalsNameWhatWasFound) {
  struct Case {
    std::string_view bytes;
    std::string_view found;
  };
  for (const Case& c : std::vector<Case>{
           {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1W\0o\0r\0d\0D\0o\0c\0u\0m\0e\0n\0t\0"sv, "doc"},
           {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv,
            "password"},
           {"\xff\xd8\xff\xe0 JFIF"sv, "jpeg"},
           {"\x1f\x8b\x08 gzip"sv, "gzip"},
           {"SQLite format 3\0 ..."sv, "SQLite"},
           {"text with a \0 byte"sv, "binary"},
           {"\1\2\3\4\5\6\7 mostly control bytes"sv, "binary"}}) {
    const auto error = error_of([&] { read_source(c.bytes, "file.txt"); });
    ASSERT_TRUE(error.has_value()) << c.found;
    EXPECT_EQ(error->code(), ErrorCode::kUnsupported) << c.found;
    EXPECT_NE(error->message().find(c.found), std::string::npos) << error->message();
    EXPECT_NE(error->message().find("file.txt"), std::string::npos);
    EXPECT_FALSE(error->advice().empty());
  }
}

TEST(ReaderTest, ProseThatOnlyBeginsLikeASignatureIsRead) {
  EXPECT_NO_THROW(read_source("BMW builds cars and motorcycles in Munich.", "a.txt"));
  EXPECT_NO_THROW(read_source("GIF is a format. MZ is a signature.", "a.txt"));
  EXPECT_NO_THROW(read_source("From: here to there\nno e-mail at all\n", "a.txt"));
}

// Whatever comes in, what goes out keeps the promises of SourceText, or an Error comes.
TEST(ReaderTest, RandomBytesGiveValidTextOrAnError) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<std::string> bits{
      "<p>",    "</p>",      "<li>",  "<h1>",        "</h2>", "<table>", "<td>",    "# ",
      "\n",     "```\n",     "---\n", "\xFF",        "\xC3",  "text ",   "&amp;",   "&#x110000;",
      "<!--",   "-->",       "<pre>", "<a href=#x>", "\r",    "<title>", "</html>", "<nav>",
      "&#151;", "<![CDATA[", "<br>",  "=====\n",     "<sup>", "<svg>"};
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    const std::size_t count = random() % 40;
    for (std::size_t i = 0; i < count; ++i) bytes += bits[random() % bits.size()];
    for (const char* name : {"a.html", "a.md", "a.txt"}) {
      SourceText source;
      try {
        source = read_source(bytes, name);
      } catch (const Error&) {
        continue;
      }
      ASSERT_TRUE(is_valid_utf8(source.text)) << name;
      ASSERT_TRUE(is_valid_utf8(source.title)) << name;
      ASSERT_EQ(source.text.find_first_of("\r\0"sv), std::string::npos) << name;
      std::size_t last = 0;
      for (const Heading& heading : source.headings) {
        ASSERT_LE(last, heading.begin);
        ASSERT_LT(heading.begin, heading.end);
        ASSERT_LE(heading.end, source.text.size());
        last = heading.end;
      }
    }
  }
}

TEST(ReaderTest, VersionIsThatOfTheFormatAndNeverThrows) {
  EXPECT_EQ(reader_version("# A", "a.md"), reader_version("<html>", "a.md"));
  EXPECT_GT(reader_version("a,b", "a.csv"), reader_version("a,b", "a.txt"));
  EXPECT_EQ(reader_version("\x89PNG\r\n\x1a\n", "a.csv"), 0);
  EXPECT_EQ(reader_version("", "a.pdf"), 0);
}

TEST(ReaderTest, KnownExtensionsAreLowerCaseWithADot) {
  for (const std::string& extension : known_extensions()) {
    EXPECT_TRUE(extension.starts_with('.'));
    EXPECT_EQ(std::count_if(extension.begin(), extension.end(), ::isupper), 0);
  }
}

}  // namespace
}  // namespace tandem
