// Archives that are documents: the container itself.
#include "indexer/readers/zip_document.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"
#include "tests/support/office_files.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  return {testing::make_zip(testing::docx_entries("<w:p><w:r><w:t>a</w:t></w:r></w:p>")),
          testing::make_zip(testing::epub_entries({"<html><body><p>a</p></body></html>"})),
          testing::make_zip({{"mimetype", "application/vnd.oasis.opendocument.text"}})};
}

std::vector<std::string> words() {
  return {"PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x06\x06",
          "PK\x06\x07", "PK\x07\x08", "mimetype",   "application/epub+zip"};
}

void run(std::string_view input) {
  check_source(read_zip_document(input, "document"));
}

}  // namespace tandem::fuzz
