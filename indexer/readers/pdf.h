// PDF, by poppler's pdftotext in a limited subprocess.
//
// A PDF library inside the server would be the larger risk: PDF parsers are the classic target of
// hostile files, and a converter that dies takes only itself along.
#ifndef TANDEM_INDEXER_READERS_PDF_H_
#define TANDEM_INDEXER_READERS_PDF_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// `name` is for messages. The text comes in reading order, but pages of forms and tables row by
// row, with " | " between columns. Lines are joined to paragraphs, words that the line end
// hyphenated are made whole, and lines that repeat at the top or bottom of most pages are dropped.
// Throws Error: kUnavailable (poppler-utils is not installed), kCorrupt, kInvalidArgument (scanned
// or encrypted), kTimeout, kTooLarge. Safe from any thread.
SourceText read_pdf(std::string_view bytes, std::string_view name, const ReadLimits& limits);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_PDF_H_
