// Word documents (WordprocessingML, ECMA-376 part 1, section 17).
#ifndef TANDEM_INDEXER_READERS_DOCX_H_
#define TANDEM_INDEXER_READERS_DOCX_H_

#include <string_view>

#include "indexer/reader.h"
#include "indexer/readers/zip_archive.h"

namespace tandem {

// Paragraphs with headings by their style or outline level, list items, tables, text boxes,
// formulas as plain text, then footnotes, endnotes and comments. Left out are what was deleted with
// tracked changes, tables of contents, and the headers and footers of pages. Pages are those that
// Word showed last, if the document says where they began. `part` is the main part. Throws what
// ZipArchive and XmlParser throw. Safe from any thread for different archives.
SourceText read_docx(ZipArchive& archive, std::string_view part);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_DOCX_H_
