// Office documents, OpenDocument files and e-books: the XML of their parts.
#include "tests/fuzz/office_use.h"

#include "indexer/readers/zip_document.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"
#include "tests/support/office_files.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  return {
      text_of(testing::docx_entries(
          "<w:p><w:pPr><w:pStyle w:val=\"H1\"/></w:pPr><w:r><w:t>a</w:t></w:r></w:p><w:tbl><w:tr>"
          "<w:tc><w:p><w:r><w:lastRenderedPageBreak/><w:t>b</w:t></w:r></w:p></w:tc></w:tr>"
          "</w:tbl>")),
      text_of(testing::pptx_entries(
          {"<p:sp><p:ph type=\"title\"/><a:p><a:t>x</a:t></a:p></p:sp><a:tbl><a:tr><a:tc><a:p>"
           "<a:t>y</a:t></a:p></a:tc></a:tr></a:tbl>"})),
      text_of(testing::xlsx_entries("<row r=\"2\"><c r=\"A1\" t=\"s\" s=\"1\"><v>0</v></c>"
                                    "<c r=\"B1\"><v>1.5</v></c></row>",
                                    "<si><t>n</t></si>")),
      text_of(testing::odf_entries(
          "text",
          "<text:h text:outline-level=\"1\">a</text:h><text:list><text:list-item><text:p>b"
          "<text:note><text:note-body><text:p>c</text:p></text:note-body></text:note></text:p>"
          "</text:list-item></text:list>",
          "<style:style style:name=\"P\" style:parent-style-name=\"Title\"/>")),
      text_of(testing::odf_entries(
          "spreadsheet",
          "<table:table table:name=\"t\"><table:table-row><table:table-cell "
          "table:number-columns-repeated=\"3\"><text:p>v</text:p></table:table-cell>"
          "</table:table-row></table:table>")),
      text_of(testing::epub_entries(
          {"<html><body><p>a</p></body></html>", "<html><h1>b</h1></html>"}))};
}

std::vector<std::string> words() {
  return {"%%mimetype\n",  "<w:p>",         "</w:p>",
          "<w:tbl>",       "<w:tr>",        "<w:tc>",
          "<w:t>",         "<w:del>",       "<a:p>",
          "<a:t>",         "<c:v>",         "<s:c r=\"ZZ1\">",
          "<text:p>",      "<text:h>",      "<c t=\"s\">",
          "<v>-1</v>",     "r:id=\"rId1\"", "state=\"hidden\"",
          "<draw:page>",   "&amp;",         "&#0;",
          "<![CDATA[",     "<!DOCTYPE",     "<!ENTITY a \"b\">",
          "<mc:Fallback>", "<itemref ",     "<navLabel>"};
}

void run(std::string_view input) {
  const testing::ZipEntries parts = parts_of(input);
  if (!parts.empty()) check_source(read_zip_document(testing::make_zip(parts), "document"));
}

}  // namespace tandem::fuzz
