#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "indexer/reader.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using ::testing::ElementsAre;
using testing::error_code_of;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

// A page is a list of lines; an empty one leaves a gap as between paragraphs, and "|" goes on to
// the next column.
using Page = std::vector<std::string>;

// A minimal PDF 1.4 with one standard font.
std::string make_pdf(const std::vector<Page>& pages, const std::string& title = "") {
  std::string pdf = "%PDF-1.4\n";
  std::vector<std::size_t> offsets;
  const auto add = [&](const std::string& body) {
    offsets.push_back(pdf.size());
    pdf += std::to_string(offsets.size()) + " 0 obj\n" + body + "\nendobj\n";
  };
  std::string kids;
  for (std::size_t i = 0; i < pages.size(); ++i) kids += std::to_string(5 + 2 * i) + " 0 R ";
  add("<< /Type /Catalog /Pages 2 0 R >>");
  add("<< /Type /Pages /Kids [ " + kids + "] /Count " + std::to_string(pages.size()) + " >>");
  add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
  add("<< /Title (" + title + ") >>");
  for (const Page& page : pages) {
    std::string stream;
    int y = 720;
    for (const std::string& line : page) {
      int x = 72;
      std::istringstream columns(line);
      for (std::string column; std::getline(columns, column, '|'); x += 150) {
        stream += "BT /F1 10 Tf " + std::to_string(x) + " " + std::to_string(y) + " Td (" + column +
                  ") Tj ET\n";
      }
      y -= line.empty() ? 30 : 12;
    }
    add("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> "
        ">> "
        "/Contents " +
        std::to_string(offsets.size() + 2) + " 0 R >>");
    add("<< /Length " + std::to_string(stream.size()) + " >>\nstream\n" + stream + "endstream");
  }
  const std::size_t xref = pdf.size();
  pdf += "xref\n0 " + std::to_string(offsets.size() + 1) + "\n0000000000 65535 f \n";
  for (const std::size_t offset : offsets) {
    std::string digits = std::to_string(offset);
    pdf += std::string(10 - digits.size(), '0') + digits + " 00000 n \n";
  }
  pdf += "trailer\n<< /Size " + std::to_string(offsets.size() + 1) +
         " /Root 1 0 R /Info 4 0 R >>\nstartxref\n" + std::to_string(xref) + "\n%%EOF\n";
  return pdf;
}

SourceText read(const std::string& pdf) {
  return read_source(pdf, "paper.pdf");
}

class PdfTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v pdftotext >/dev/null") != 0) {
      GTEST_SKIP() << "pdftotext is not installed (package poppler-utils)";
    }
  }
};

TEST_F(PdfTest, ReadsTextTitleAndPages) {
  const SourceText source =
      read(make_pdf({{"Alpha on the first page."}, {"Beta on the second."}}, "Greek letters"));
  EXPECT_EQ(source.title, "Greek letters");
  EXPECT_EQ(source.media_type, "application/pdf");
  ASSERT_EQ(source.page_starts.size(), 2u);
  EXPECT_EQ(source.text, "Alpha on the first page.\n\nBeta on the second.");
  EXPECT_EQ(source.text.substr(source.page_starts[1]), "Beta on the second.");
}

TEST_F(PdfTest, JoinsTheLinesOfAParagraphAndTheHalvesOfAWord) {
  const SourceText source = read(make_pdf({{
      "A paragraph of running text goes on over more than one line, and retrie-",
      "val should not notice where the lines of the printed page had ended here.",
      "",
      "The next paragraph stands alone and says something else altogether, too.",
  }}));
  EXPECT_EQ(
      source.text,
      "A paragraph of running text goes on over more than one line, and retrieval should not "
      "notice where the lines of the printed page had ended here.\n\nThe next paragraph stands "
      "alone and says something else altogether, too.");
}

TEST_F(PdfTest, ShortLinesStayLines) {
  EXPECT_EQ(read(make_pdf({{"Jane Doe", "12 High Street", "Springfield"}})).text,
            "Jane Doe\n12 High Street\nSpringfield");
}

TEST_F(PdfTest, TablesKeepTheirRows) {
  const SourceText source = read(
      make_pdf({{"Stock of the Warehouse", "", "Part|Shelf|Count", "bolt|A12|450", "nut|B07|780",
                 "washer|C15|78", "rivet|D22|180", "hinge|A08|920", "bracket|E31|15"}}));
  EXPECT_EQ(source.text,
            "Stock of the Warehouse\n\nPart | Shelf | Count\nbolt | A12 | 450\nnut | B07 | 780\n"
            "washer | C15 | 78\nrivet | D22 | 180\nhinge | A08 | 920\nbracket | E31 | 15");
  EXPECT_EQ(source.title, "Stock of the Warehouse");
}

TEST_F(PdfTest, ColumnsOfProseAreReadOneAfterTheOther) {
  const std::string left = "The left column of this page";
  const std::string right = "The right column of the page";
  Page page;
  for (int i = 0; i < 12; ++i) {
    page.push_back(left + " goes on, line " + std::to_string(i) + "||" + right + " is on line " +
                   std::to_string(i) + " now");
  }
  const SourceText source = read(make_pdf({page}));
  EXPECT_LT(source.text.rfind(left), source.text.find(right));
}

TEST_F(PdfTest, DropsRunningHeadsAndPageNumbers) {
  std::vector<Page> pages;
  for (int i = 1; i <= 4; ++i) {
    pages.push_back({"Journal of Imaginary Results", "",
                     "Only page " + std::string(1, static_cast<char>('a' + i)) + " says this.", "",
                     "Page " + std::to_string(i) + " of 4"});
  }
  const SourceText source = read(make_pdf(pages));
  EXPECT_THAT(source.text, Not(HasSubstr("Imaginary")));
  EXPECT_THAT(source.text, Not(HasSubstr("of 4")));
  EXPECT_THAT(source.text, HasSubstr("Only page e says this."));
  EXPECT_EQ(source.page_starts.size(), 4u);
}

TEST_F(PdfTest, FindsNumberedHeadings) {
  const SourceText source = read(make_pdf({{"2 Materials and Methods", "", "Text of the section.",
                                            "", "2.1 Measuring", "", "More text of it."}}));
  std::vector<std::string> found;
  for (const Heading& heading : source.headings) {
    found.push_back(std::to_string(heading.level) + ":" +
                    source.text.substr(heading.begin, heading.end - heading.begin));
  }
  EXPECT_THAT(found, ElementsAre("1:2 Materials and Methods", "2:2.1 Measuring"));
}

TEST_F(PdfTest, FileNamesAreNoTitles) {
  EXPECT_EQ(read(make_pdf({{"Annual Report", "", "We did well."}}, "report_final.docx")).title,
            "Annual Report");
}

TEST_F(PdfTest, PagesWithoutTextAreRefusedWithAdvice) {
  const auto error = error_of([] { read(make_pdf({{}, {}})); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error->advice(), HasSubstr("optical character recognition"));
}

TEST_F(PdfTest, DamagedFilesAreCorrupt) {
  EXPECT_EQ(error_code_of([] { read("%PDF-1.7\nand then nothing of the kind"); }),
            ErrorCode::kCorrupt);
  EXPECT_EQ(error_code_of([] { read("no signature at all"); }), ErrorCode::kCorrupt);
}

TEST_F(PdfTest, SignatureMayComeLate) {
  EXPECT_EQ(read("HTTP/1.1 junk before\n" + make_pdf({{"Still read."}})).text, "Still read.");
}

TEST_F(PdfTest, TruncatedRealFileIsCorruptOrReadInPart) {
  const auto file = testing::shared_data_folder() / "formats" / "r2r" / "graphrag.pdf";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  EXPECT_EQ(error_code_of([&] { read(read_file(file).substr(0, 60'000)); }), ErrorCode::kCorrupt);
}

TEST_F(PdfTest, MissingConverterIsNamed) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const auto error = error_of([] { read(make_pdf({{"x"}})); });
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error->advice(), HasSubstr("poppler-utils"));
}

}  // namespace
}  // namespace tandem
