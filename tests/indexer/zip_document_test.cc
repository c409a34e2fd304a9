#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "indexer/reader.h"
#include "indexer/readers/zip_archive.h"
#include "tests/support/errors.h"
#include "tests/support/office_files.h"

namespace tandem {
namespace {

using testing::docx_entries;
using testing::error_code_of;
using testing::error_of;
using ::testing::HasSubstr;
using testing::make_zip;

std::string word(const std::string& document) {
  testing::ZipEntries entries = docx_entries("");
  entries[1].second = document;
  return make_zip(entries);
}

constexpr std::string_view kWord =
    "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">";

TEST(ZipDocumentTest, WhatItHoldsDecidesWhateverItsNameSays) {
  const std::string docx = make_zip(docx_entries("<w:p><w:r><w:t>Tide</w:t></w:r></w:p>"));
  for (const char* name : {"a.docx", "a.xlsx", "a.txt", "a"}) {
    EXPECT_THAT(read_source(docx, name).text, HasSubstr("Tide")) << name;
  }
}

TEST(ZipDocumentTest, OtherArchivesAndOtherContentAreRefusedByName) {
  const auto archive = error_of([] { read_source(make_zip({{"a.txt", "x"}}), "a.docx"); });
  ASSERT_TRUE(archive.has_value());
  EXPECT_EQ(archive->code(), ErrorCode::kUnsupported);
  EXPECT_THAT(archive->message(), HasSubstr("zip"));
  for (const char* name : {"a.docx", "a.pptx", "a.xlsx", "a.odt", "a.epub", "a.rtf"}) {
    const auto text = error_of([&] { read_source("only text", name); });
    ASSERT_TRUE(text.has_value()) << name;
    EXPECT_EQ(text->code(), ErrorCode::kCorrupt) << name;
    EXPECT_THAT(text->message(), HasSubstr(name));
    EXPECT_EQ(error_code_of([&] { read_source("", name); }), ErrorCode::kInvalidArgument) << name;
  }
}

TEST(ZipDocumentTest, EveryTruncationIsAnErrorThatBlamesTheFile) {
  const std::string whole = make_zip(docx_entries("<w:p><w:r><w:t>Tide</w:t></w:r></w:p>"));
  for (std::size_t size = 4; size < whole.size(); ++size) {
    const auto error = error_of([&] { read_source(whole.substr(0, size), "a.docx"); });
    ASSERT_TRUE(error.has_value()) << size;
    EXPECT_EQ(error->code(), ErrorCode::kCorrupt) << size;
  }
}

TEST(ZipDocumentTest, DamagedBytesGiveTextOrAnError) {
  const std::string whole = make_zip(docx_entries("<w:p><w:r><w:t>Tide</w:t></w:r></w:p>"));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const auto error = error_of([&] { read_source(damaged, "a.docx"); });
    EXPECT_FALSE(error && error->code() == ErrorCode::kInternal) << at;
  }
}

TEST(ZipDocumentTest, BombIsRefusedAtItsLimit) {
  const std::string bomb = make_zip({{"a", std::string(3 << 20, ' ')}, {"b", "x"}});
  EXPECT_LT(bomb.size(), 16u << 10);
  ZipArchive archive(bomb, "a.zip", {.max_expanded_bytes = 4 << 20});
  EXPECT_TRUE(archive.stream("a", [](std::string_view) {}));
  // The limit is for all that is read, the same entry again included.
  EXPECT_EQ(error_code_of([&] { archive.read("a"); }), ErrorCode::kTooLarge);
  EXPECT_EQ(error_code_of([&] { ZipArchive(bomb, "a.zip", {.max_entries = 1}); }),
            ErrorCode::kTooLarge);
  ZipArchive small(bomb, "a.zip");
  EXPECT_EQ(error_code_of([&] { small.read("a", 1 << 20); }), ErrorCode::kTooLarge);
  EXPECT_EQ(small.read("b"), "x");
  EXPECT_EQ(small.read("no such entry"), "");
}

TEST(ZipDocumentTest, EntitiesAreNeitherExpandedNorFetched) {
  std::string laughs = "<!DOCTYPE w:document [<!ENTITY a0 \"ha\">";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "&a" + std::to_string(i - 1) + ";";
    laughs += "<!ENTITY a" + std::to_string(i) + " \"";
    for (int repeat = 0; repeat < 3; ++repeat) laughs += before;
    laughs += "\">";
  }
  const auto body = [&](std::string_view entity) {
    return "]>" + std::string(kWord) + "<w:body><w:p><w:r><w:t>x&amp;" + std::string(entity) +
           "</w:t></w:r></w:p></w:body></w:document>";
  };
  EXPECT_EQ(error_code_of([&] { read_source(word(laughs + body("&a29;")), "a.docx"); }),
            ErrorCode::kCorrupt);
  // Declared and not used, the document can be read.
  EXPECT_THAT(read_source(word(laughs + body("")), "a.docx").text, HasSubstr("x&"));
  const std::string outside =
      "<!DOCTYPE w:document [<!ENTITY e SYSTEM \"file:///etc/passwd\"><!ENTITY % p SYSTEM "
      "\"file:///etc/passwd\"> %p;";
  const auto error = error_of([&] {
    EXPECT_THAT(read_source(word(outside + body("&e;")), "a.docx").text,
                ::testing::Not(HasSubstr("root:")));
  });
  EXPECT_EQ(error ? error->code() : ErrorCode::kCorrupt, ErrorCode::kCorrupt);
}

TEST(ZipDocumentTest, NestingBeyondTheLimitIsTooLarge) {
  std::string deep(kWord);
  for (int i = 0; i < 100'000; ++i) deep += "<w:p>";
  EXPECT_EQ(error_code_of([&] { read_source(word(deep), "a.docx"); }), ErrorCode::kTooLarge);
}

TEST(ZipDocumentTest, ListsThatGrowWithoutEndAreTooLarge) {
  testing::ZipEntries entries = docx_entries("");
  std::string types = "<Types>";
  while (types.size() < (17u << 20)) types += "<Override/><Override/><Override/><Override/>";
  entries[0].second = types;
  EXPECT_EQ(error_code_of([&] { read_source(make_zip(entries), "a.docx"); }), ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace tandem
