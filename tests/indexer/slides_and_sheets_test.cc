#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "indexer/reader.h"
#include "indexer/readers/xlsx_numbers.h"
#include "tests/support/errors.h"
#include "tests/support/office_files.h"
#include "tests/support/source_headings.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using testing::headings_of;
using testing::make_zip;
using testing::pptx_entries;
using testing::xlsx_entries;

std::string shape(std::string_view kind, std::string_view words) {
  return "<p:sp><p:nvPr><p:ph type=\"" + std::string(kind) + "\"/></p:nvPr><a:p><a:r><a:t>" +
         std::string(words) + "</a:t></a:r></a:p></p:sp>";
}

TEST(PptxTest, SlidesArePagesAndTheirTitlesHeadings) {
  const SourceText source = read_source(
      make_zip(pptx_entries(
          {shape("body", "It pulls.") + shape("title", "Moon") + shape("sldNum", "1"),
           shape("ctrTitle", "Sun") +
               "<a:tbl><a:tr><a:tc><a:p><a:t>a</a:t></a:p></a:tc><a:tc><a:p><a:t>b</a:t></a:p>"
               "</a:tc></a:tr></a:tbl><a:p><a:pPr lvl=\"1\"/><a:r><a:t>inner</a:t></a:r></a:p>"})),
      "a.pptx");
  EXPECT_EQ(source.text, "Moon\n\nIt pulls.\n\nSun\n\na | b\n\n  - inner");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Moon", "1 Sun"));
  EXPECT_THAT(source.page_starts, ElementsAre(0u, source.text.find("Sun")));
}

TEST(PptxTest, SlideWithoutTextStillCounts) {
  const SourceText source =
      read_source(make_zip(pptx_entries({"", shape("body", "Second")})), "a.pptx");
  EXPECT_EQ(source.text, "Second");
  EXPECT_THAT(source.page_starts, ElementsAre(0u, 0u));
}

TEST(PptxTest, DamagedAndEmptyPresentationsAreRefused) {
  EXPECT_EQ(error_code_of([] { read_source(make_zip(pptx_entries({"<p:sp>"})), "a.pptx"); }),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([] { read_source(make_zip(pptx_entries({""})), "a.pptx"); }),
            ErrorCode::kInvalidArgument);
}

TEST(XlsxTest, RowsBecomeRecordsOfEverySheetThatIsShown) {
  const SourceText source = read_source(
      make_zip(xlsx_entries(
          "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>"
          "<c r=\"D1\" t=\"inlineStr\"><is><t>Share</t></is></c></row>"
          "<row r=\"2\"><c r=\"A2\" t=\"str\"><v>Rope</v></c><c r=\"B2\" s=\"1\"><v>45306</v></c>"
          "<c r=\"D2\" s=\"2\"><v>0.125</v></c></row>"
          "<row r=\"3\"><c r=\"D3\"><v>0.30000000000000004</v></c><c r=\"A3\" t=\"b\"><v>1</v>"
          "</c></row>",
          "<si><t>Item</t></si><si><r><t>Bou</t></r><r><t>ght</t></r><rPh><t>no</t></rPh></si>")),
      "a.xlsx");
  EXPECT_EQ(source.text,
            "Stock\n\nItem: Rope\nBought: 2024-01-15\nShare: 12.5%\n\nItem: TRUE\nShare: 0.3");
  EXPECT_THAT(headings_of(source), ElementsAre("1 Stock"));
}

TEST(XlsxTest, GapEndsATable) {
  const auto row = [](int number, const std::string& a, const std::string& b) {
    const auto cell = [](const std::string& text) {
      return "<c t=\"str\"><v>" + text + "</v></c>";
    };
    return "<row r=\"" + std::to_string(number) + "\">" + cell(a) + cell(b) + "</row>";
  };
  EXPECT_EQ(read_source(make_zip(xlsx_entries(row(1, "Port", "Range") + row(2, "Brest", "6.1") +
                                              row(5, "Ship", "Crew") + row(6, "Alma", "12"))),
                        "a.xlsx")
                .text,
            "Stock\n\nPort: Brest\nRange: 6.1\n\nShip: Alma\nCrew: 12");
}

TEST(XlsxTest, ReferencesOutsideTheSheetAreIgnored) {
  EXPECT_EQ(read_source(make_zip(xlsx_entries(
                            "<row r=\"99999999999999999999\"><c r=\"ZZZZZZZZ1\"><v>1</v></c>"
                            "<c r=\"A1\" t=\"s\"><v>-7</v></c><c r=\"B1\" t=\"s\"><v>7</v></c>"
                            "<c r=\"C1\" s=\"-1\"><v>5</v></c></row>")),
                        "a.xlsx")
                .text,
            "Stock\n\n5");
}

TEST(XlsxTest, NumberFormatsTellDatesAndShares) {
  EXPECT_EQ(parse_number_format("yyyy\\-mm\\-dd"), NumberFormat::kDate);
  EXPECT_EQ(parse_number_format("[$-409]d\\-mmm"), NumberFormat::kDate);
  EXPECT_EQ(parse_number_format("0.00%"), NumberFormat::kPercent);
  EXPECT_EQ(parse_number_format("hh:mm"), NumberFormat::kTime);
  EXPECT_EQ(parse_number_format("0\" days\""), NumberFormat::kPlain);
  EXPECT_EQ(parse_number_format("\"unclosed"), NumberFormat::kPlain);
  // Days as Excel shows them.
  EXPECT_EQ(format_number("61", NumberFormat::kDate, false), "1900-03-01");
  EXPECT_EQ(format_number("45292.75", NumberFormat::kDate, false), "2024-01-01 18:00");
  EXPECT_EQ(format_number("0", NumberFormat::kDate, true), "1904-01-01");
  EXPECT_EQ(format_number("0.999999999", NumberFormat::kTime, false), "1899-12-31");
  EXPECT_EQ(format_number("1e300", NumberFormat::kDate, false), "1e+300");
  EXPECT_EQ(format_number("nan", NumberFormat::kDate, false), "nan");
  EXPECT_EQ(format_number("12x", NumberFormat::kDate, false), "12x");
}

}  // namespace
}  // namespace tandem
