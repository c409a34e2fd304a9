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

using testing::docx_entries;
using ::testing::ElementsAre;
using testing::error_code_of;
using testing::headings_of;
using testing::make_zip;

std::string paragraph(std::string_view words, std::string_view properties = {}) {
  return "<w:p><w:pPr>" + std::string(properties) + "</w:pPr><w:r><w:t>" + std::string(words) +
         "</w:t></w:r></w:p>";
}

std::string styled(std::string_view style, std::string_view words) {
  return paragraph(words, "<w:pStyle w:val=\"" + std::string(style) + "\"/>");
}

// Without the part that holds the footnote.
SourceText read(std::string_view body) {
  testing::ZipEntries entries = docx_entries(body);
  entries.pop_back();
  return read_source(make_zip(entries), "a.docx");
}

TEST(DocxTest, StylesAndOutlineLevelsMakeHeadings) {
  const SourceText source =
      read(styled("T", "The Tides") + styled("H1", "Moon") + paragraph("It pulls.") +
           styled("H2", "Spring") + styled("Mine", "Neap") + styled("Loop", "Plain.") +
           paragraph("Deep", "<w:outlineLvl w:val=\"4\"/>") +
           paragraph("Body", "<w:outlineLvl w:val=\"9\"/>"));
  EXPECT_EQ(source.title, "The Tides");
  EXPECT_THAT(headings_of(source),
              ElementsAre("1 The Tides", "1 Moon", "2 Spring", "2 Neap", "5 Deep"));
  EXPECT_EQ(source.text,
            "The Tides\n\nMoon\n\nIt pulls.\n\nSpring\n\nNeap\n\nPlain.\n\nDeep\n\nBody");
}

TEST(DocxTest, TitleOfThePropertiesWins) {
  testing::ZipEntries entries = docx_entries(styled("T", "Inside"));
  entries.emplace_back("docProps/core.xml", testing::core_title("Stated"));
  EXPECT_EQ(read_source(make_zip(entries), "a.docx").title, "Stated");
  entries.back().second = testing::core_title("Word Document");
  EXPECT_EQ(read_source(make_zip(entries), "a.docx").title, "Inside");
}

TEST(DocxTest, RunsTabsAndBreaksJoinToWords) {
  EXPECT_EQ(read("<w:p><w:r><w:t>Ebb</w:t></w:r><w:r><w:t xml:space=\"preserve\"> and</w:t>"
                 "<w:tab/><w:t>flow</w:t><w:br/><w:t>co</w:t><w:noBreakHyphen/><w:t>tidal</w:t>"
                 "</w:r></w:p>")
                .text,
            "Ebb and flow\nco-tidal");
}

TEST(DocxTest, ListsAndTablesAreWrittenAsLines) {
  const std::string item = "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"3\"/></w:numPr>";
  const std::string inner = "<w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"3\"/></w:numPr>";
  const auto cell = [](const std::string& content) { return "<w:tc>" + content + "</w:tc>"; };
  EXPECT_EQ(read(paragraph("Before") + paragraph("one", item) + paragraph("two", inner) +
                 "<w:tbl><w:tr>" + cell(paragraph("Port")) + cell(paragraph("Range")) +
                 "</w:tr><w:tr>" + cell(paragraph("Brest") + paragraph("(France)")) +
                 cell("<w:p/>") + "</w:tr></w:tbl>" + paragraph("After"))
                .text,
            "Before\n\n- one\n  - two\n\nPort | Range\nBrest (France) |\n\nAfter");
}

TEST(DocxTest, TableThatLaysOutAPageIsWrittenAsParagraphs) {
  EXPECT_EQ(read("<w:tbl><w:tr><w:tc>" + styled("H1", "Left") + paragraph("Long text.") +
                 "</w:tc><w:tc>" + paragraph("Right") + "</w:tc></w:tr></w:tbl>")
                .text,
            "Left\n\nLong text.\n\nRight");
}

TEST(DocxTest, DeletionsContentsAndSecondVersionsAreLeftOut) {
  EXPECT_EQ(
      read(styled("C1", "Moon ... 3") +
           "<w:p><w:del><w:r><w:delText>old</w:delText><w:t>older</w:t></w:r></w:del>"
           "<w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:r><w:instrText>PAGE</w:instrText></w:r>"
           "</w:p><w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent>" +
           paragraph("In a box") + "</w:txbxContent></mc:Choice><mc:Fallback>" +
           paragraph("In a box") + "</mc:Fallback></mc:AlternateContent></w:r></w:p>")
          .text,
      "new\n\nIn a box");
}

TEST(DocxTest, NotesFollowAndSayWhereTheyBelong) {
  const std::string body =
      "<w:p><w:r><w:t>Claim</w:t><w:footnoteReference w:id=\"1\"/></w:r></w:p>";
  EXPECT_EQ(read_source(make_zip(docx_entries(body)), "a.docx").text, "Claim [1]\n\n[1] A note.");
}

TEST(DocxTest, PagesAreThoseThatWordShowedLast) {
  const SourceText source = read(
      paragraph("First") + "<w:p><w:r><w:lastRenderedPageBreak/><w:t>Second</w:t></w:r></w:p>");
  EXPECT_THAT(source.page_starts, ElementsAre(0u, source.text.find("Second")));
  EXPECT_TRUE(read(paragraph("First")).page_starts.empty());
}

TEST(DocxTest, FormulasReadAsText) {
  EXPECT_EQ(read("<w:p><m:oMath><m:r><m:t>x=</m:t></m:r><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num>"
                 "<m:den><m:r><m:t>b</m:t></m:r></m:den></m:f><m:sSup><m:e><m:r><m:t>c</m:t></m:r>"
                 "</m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath></w:p>")
                .text,
            "x=a/bc^2");
}

TEST(DocxTest, DamagedAndEmptyDocumentsAreRefused) {
  EXPECT_EQ(error_code_of([] { read("<w:p><w:r><w:t>cut"); }), ErrorCode::kCorrupt);
  EXPECT_EQ(
      error_code_of([] {
        read_source(
            make_zip({{"[Content_Types].xml",
                       testing::content_types("/word/document.xml", "wordprocessingml.document")}}),
            "a.docx");
      }),
      ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([] { read("<w:p/>"); }), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tandem
