// Real documents of many formats, which are not part of the tree: each gives text with the words
// that its own program shows, or a refusal that says what to do. The words were looked up with
// python-docx, python-pptx, openpyxl, ebooklib, striprtf and poppler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/utf8.h"
#include "indexer/reader.h"
#include "tests/support/errors.h"
#include "tests/support/paths.h"

namespace tandem {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

struct Readable {
  const char* file;
  std::vector<const char*> words;
};

const std::vector<Readable> kReadable{
    {"markitdown/LICENSE", {"MIT License"}},
    {"markitdown/RECEIPT-2024-TXN-98765_retail_purchase.md", {"TECHMART"}},
    {"markitdown/RECEIPT-2024-TXN-98765_retail_purchase.pdf", {"TECHMART"}},
    {"markitdown/REPAIR-2022-INV-001_multipage.md", {"ZAVA AUTO REPAIR"}},
    {"markitdown/REPAIR-2022-INV-001_multipage.pdf", {"ZAVA AUTO REPAIR"}},
    {"markitdown/SPARSE-2024-INV-1234_borderless_table.md", {"INVENTORY RECONCILIATION"}},
    {"markitdown/SPARSE-2024-INV-1234_borderless_table.pdf", {"INVENTORY RECONCILIATION"}},
    {"markitdown/equations.docx", {"For m=1", "From Eq. 36.1.3", "1.41"}},
    {"markitdown/masterformat_partial_numbering.pdf", {"Construction Management"}},
    {"markitdown/movie-theater-booking-2024.md", {"BOOKING ORDER"}},
    {"markitdown/movie-theater-booking-2024.pdf", {"BOOKING ORDER"}},
    {"markitdown/ocr_docx_complex_layout.docx", {"Security notice", "Authentication | Active"}},
    {"markitdown/ocr_docx_multipage.docx", {"BEFORE IMAGE", "Page 3"}},
    {"markitdown/ocr_pdf_complex_layout.pdf", {"Complex Layout Document"}},
    {"markitdown/ocr_pdf_multipage.pdf", {"Page 1"}},
    {"markitdown/ocr_pdf_multiple_images.pdf", {"Multiple Images"}},
    {"markitdown/ocr_pptx_complex_layout.pptx", {"Product Comparison"}},
    {"markitdown/ocr_xlsx_complex_layout.xlsx",
     {"Month: Feb\nSales: 1200", "Retention Rate | 92%", "Region: South"}},
    {"markitdown/rlink.docx", {"Testing Linked Images"}},
    {"markitdown/test.docx", {"d666f1f7-46cb-42bd", "49e168b7-d2ae-407f", "Erkang Zhu"}},
    {"markitdown/test.epub", {"Chapter 1: Test Content", "A bullet point", "blockquote"}},
    {"markitdown/test.json", {"key3: list_value1, list_value2", "9700dc99-6685-40b4"}},
    {"markitdown/test.md", {"Large language models"}},
    {"markitdown/test.pdf", {"Large language models"}},
    {"markitdown/test.pptx",
     {"2cdda5c8-e50e-4db4", "1b92870d-e3b5-4e65", "a3f6004b-6f4f-4ea8", "Nested Shape"}},
    {"markitdown/test.xlsx", {"Alpha: 89\nBeta: 82", "09060124-b5e7-4717", "ColD: 8"}},
    {"markitdown/test_blog.html", {"Experiment Setup"}},
    {"markitdown/test_mskanji.csv", {"名前: 佐藤太郎\n年齢: 30"}},
    {"markitdown/test_notebook.ipynb", {"Test Notebook", "print(42)"}},
    {"markitdown/test_rss.xml", {"The Official Microsoft Blog"}},
    {"markitdown/test_serp.html", {"Microsoft"}},
    {"markitdown/test_wikipedia.html", {"Paul Allen"}},
    {"markitdown/test_with_comment.docx", {"12df-321a", "55yiyi-asd09", "Abstract"}},
    {"r2r/LICENSE.md", {"MIT"}},
    {"r2r/aristotle.txt", {"Aristotle"}},
    {"r2r/css.css", {"{"}},
    {"r2r/csv.csv", {"Product: Monitor 27\"\nQuantity: 1", "Unit Price: 24.99"}},
    {"r2r/docx.docx", {"System Architecture Overview", "Data Layer"}},
    {"r2r/eml.eml", {"Subject: Meeting Summary - Q4 Planning", "Revenue targets", "Alex"}},
    {"r2r/epub.epub", {"My bags were packed", "Lost Horizon", "THE NETHERLANDS"}},
    {"r2r/graphrag.pdf", {"GraphRAG"}},
    {"r2r/html.html", {"Dashboard"}},
    {"r2r/js.js", {"{"}},
    {"r2r/json.json", {"dashboard.metrics.revenue.current: 45678.90", "Mobile navigation"}},
    {"r2r/md.md", {"Markdown: Syntax"}},
    {"r2r/odt.odt", {"Lorem ipsum dolor sit amet"}},
    {"r2r/org.org", {"Modern Org Example", "Task Lists"}},
    {"r2r/p7s.p7s", {"Hello World", "smime.p7s"}},
    {"r2r/pdf.pdf", {"Dummy PDF file"}},
    {"r2r/pptx.pptx", {"St. Cloud Technical College", "outline of bulleted points"}},
    {"r2r/py.py", {"def "}},
    {"r2r/rst.rst", {"Subtitle", "Honey Badgers"}},
    {"r2r/rtf.rtf", {"Lorem ipsum dolor sit amet"}},
    {"r2r/ts.ts", {"{"}},
    {"r2r/tsv.tsv", {"Region: Asia Pacific\nYear: 2024", "Growth Rate: 6.1"}},
    {"r2r/txt.txt", {"."}},
    {"r2r/xlsx.xlsx", {"First Name: Dulce\nLast Name: Abril", "Date: 15/10/2017"}},
};

struct Refused {
  const char* file;
  const char* found;
};

const std::vector<Refused> kRefused{
    {"markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.md", "is empty"},
    {"markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.pdf", "pages are images"},
    {"markitdown/ocr_pdf_scanned_invoice.pdf", "pages are images"},
    {"markitdown/random.bin", "binary data"},
    {"markitdown/test.jpg", "jpeg"},
    {"markitdown/test.xls", "xls"},
    {"markitdown/test_files.zip", "zip"},
    {"markitdown/test_llm.jpg", "jpeg"},
    {"markitdown/test_outlook_msg.msg", "msg"},
    {"r2r/bmp.bmp", "bmp"},
    {"r2r/doc.doc", "doc"},
    {"r2r/heic.heic", "hei"},
    {"r2r/jpeg.jpeg", "jpeg"},
    {"r2r/jpg.jpg", "jpeg"},
    {"r2r/msg.msg", "msg"},
    {"r2r/png.png", "png"},
    {"r2r/ppt.ppt", "ppt"},
    {"r2r/tiff.tiff", "tiff"},
    {"r2r/xls.xls", "xls"},
};

TEST(RealFormatsTest, EveryFileGivesItsWordsOrAClearRefusal) {
  const auto folder = testing::shared_data_folder() / "formats";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is not there";
  std::set<std::string> known;
  for (const Readable& expected : kReadable) {
    known.insert(expected.file);
    const auto path = folder / expected.file;
    if (!std::filesystem::exists(path)) continue;
    const auto error = error_of([&] {
      const SourceText source = read_source(read_file(path), path.filename().string());
      EXPECT_TRUE(is_valid_utf8(source.text)) << expected.file;
      for (const char* words : expected.words) {
        EXPECT_THAT(source.text, HasSubstr(words)) << expected.file;
      }
    });
    EXPECT_FALSE(error.has_value()) << error->what();
  }
  for (const Refused& expected : kRefused) {
    known.insert(expected.file);
    const auto path = folder / expected.file;
    if (!std::filesystem::exists(path)) continue;
    const std::string name = path.filename();
    const auto error = error_of([&] { read_source(read_file(path), name); });
    ASSERT_TRUE(error.has_value()) << expected.file;
    EXPECT_THAT(error->message(), HasSubstr(expected.found));
    EXPECT_THAT(error->message(), HasSubstr(name));
    EXPECT_FALSE(error->advice().empty()) << expected.file;
    EXPECT_TRUE(error->code() == ErrorCode::kUnsupported ||
                error->code() == ErrorCode::kInvalidArgument)
        << error->what();
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = std::filesystem::relative(entry.path(), folder);
    EXPECT_TRUE(known.contains(name)) << name << " is in neither list";
  }
}

}  // namespace
}  // namespace tandem
