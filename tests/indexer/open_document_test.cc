#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "indexer/reader.h"
#include "tests/support/errors.h"
#include "tests/support/office_files.h"
#include "tests/support/source_headings.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::epub_entries;
using testing::error_code_of;
using testing::headings_of;
using testing::make_zip;
using testing::odf_entries;

SourceText read_text(std::string_view body, std::string_view styles = {}) {
  return read_source(make_zip(odf_entries("text", body, styles)), "a.odt");
}

TEST(OdfTest, HeadingsParagraphsItemsAndTables) {
  const SourceText source = read_text(
      "<text:p text:style-name=\"P1\">The Tides</text:p>"
      "<text:h text:outline-level=\"2\">Moon</text:h>"
      "<text:p>It<text:s text:c=\"3\"/>pulls<text:line-break/>hard.<text:note><text:note-citation>1"
      "</text:note-citation><text:note-body><text:p>Newton</text:p></text:note-body></text:note>"
      "</text:p><text:list><text:list-item><text:p>one</text:p><text:list><text:list-item>"
      "<text:p>two</text:p></text:list-item></text:list></text:list-item></text:list>"
      "<table:table table:name=\"T\"><table:table-row><table:table-cell><text:p>a</text:p>"
      "</table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row>"
      "</table:table>",
      "<style:style style:name=\"P1\" style:parent-style-name=\"Title\"/>");
  EXPECT_EQ(source.text,
            "The Tides\n\nMoon\n\nIt pulls\nhard. [Newton]\n\n- one\n  - two\n\na | b");
  EXPECT_THAT(headings_of(source), ElementsAre("1 The Tides", "2 Moon"));
  EXPECT_EQ(source.title, "Meta title");
  EXPECT_EQ(source.media_type, "application/vnd.oasis.opendocument.text");
}

TEST(OdfTest, DeletionsAndTablesOfContentsAreLeftOut) {
  EXPECT_EQ(read_text("<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
                      "<text:table-of-content><text:p>Moon 3</text:p></text:table-of-content>"
                      "<text:p>kept</text:p>")
                .text,
            "kept");
}

TEST(OdfTest, SheetsBecomeRecordsWhateverTheyRepeat) {
  const auto cell = [](const std::string& text, const std::string& more = {}) {
    return "<table:table-cell" + more + "><text:p>" + text + "</text:p></table:table-cell>";
  };
  EXPECT_EQ(read_source(
                make_zip(odf_entries(
                    "spreadsheet",
                    "<table:table table:name=\"Ports\"><table:table-row>" + cell("Port") +
                        "<table:table-cell table:number-columns-repeated=\"2\"/>" + cell("Range") +
                        "</table:table-row><table:table-row>" + cell("Brest") +
                        "<table:table-cell table:number-columns-repeated=\"2\"/>" + cell("6.1 m") +
                        "</table:table-row><table:table-row "
                        "table:number-rows-repeated=\"1048574\"><table:table-cell "
                        "table:number-columns-repeated=\"1000000000\"/></table:table-row>"
                        "</table:table>")),
                "a.ods")
                .text,
            "Ports\n\nPort: Brest\nRange: 6.1 m");
}

TEST(OdfTest, SlidesArePages) {
  const SourceText source =
      read_source(make_zip(odf_entries(
                      "presentation",
                      "<draw:page><draw:frame presentation:class=\"title\"><text:p>Moon</text:p>"
                      "</draw:frame><draw:frame presentation:class=\"page-number\"><text:p>1"
                      "</text:p></draw:frame></draw:page><draw:page><text:p>Sun</text:p>"
                      "</draw:page>")),
                  "a.odp");
  EXPECT_EQ(source.text, "Moon\n\nSun");
  EXPECT_THAT(source.page_starts, ElementsAre(0u, 6u));
  EXPECT_THAT(headings_of(source), ElementsAre("1 Moon"));
}

TEST(OdfTest, DamagedAndEmptyDocumentsAreRefused) {
  EXPECT_EQ(error_code_of([] { read_text("<text:p>cut"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([] { read_text(""); }), ErrorCode::kInvalidArgument);
}

TEST(EpubTest, ChaptersComeInTheOrderOfTheSpine) {
  const SourceText source = read_source(
      make_zip(epub_entries(
          {"<html><head><title/></head><body><p>To the reader.</p></body></html>",
           "<?xml version=\"1.0\"?><html><body><h1>Ebb</h1><p>Water&nbsp;goes.</p></body></html>",
           "<html><body><h1>Flow</h1><p>Water comes.</p></body></html>"})),
      "a.epub");
  EXPECT_EQ(source.title, "The Book");
  EXPECT_EQ(source.text, "Preface\n\nTo the reader.\n\nEbb\n\nWater goes.\n\nFlow\n\nWater comes.");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Preface", "1 Ebb", "1 Flow"));
}

TEST(EpubTest, ContentsThatTheTextRepeatsMarkItAsHeading) {
  const SourceText source = read_source(
      make_zip(epub_entries({"<html><body><p>Preface</p><p>To the reader.</p></body></html>"})),
      "a");
  EXPECT_EQ(source.text, "Preface\n\nTo the reader.");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Preface"));
}

TEST(EpubTest, BookWithoutItsPackageIsCorruptAndWithoutTextInvalid) {
  EXPECT_EQ(error_code_of([] {
              read_source(testing::make_zip({{"mimetype", "application/epub+zip\n"}}), "a.epub");
            }),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of(
                [] { read_source(make_zip(epub_entries({"<html><body/></html>"})), "a.epub"); }),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
