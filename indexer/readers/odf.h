// OpenDocument texts, spreadsheets and presentations (OASIS ODF 1.3, part 3).
#ifndef TANDEM_INDEXER_READERS_ODF_H_
#define TANDEM_INDEXER_READERS_ODF_H_

#include <string_view>

#include "indexer/reader.h"
#include "indexer/readers/zip_archive.h"

namespace tandem {

// Texts: headings by their outline level, paragraphs, items, tables, notes in brackets where they
// stand. Spreadsheets: the name of each sheet as heading, rows as records (record_writer.h).
// Presentations: slides as pages. Left out are tracked deletions and tables of contents.
// `media_type` is what the archive says it holds. Throws what ZipArchive and XmlParser throw. Safe
// from any thread for different archives.
SourceText read_odf(ZipArchive& archive, std::string_view media_type);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_ODF_H_
