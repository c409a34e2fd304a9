// Excel workbooks (SpreadsheetML, ECMA-376 part 1, section 18).
#ifndef TANDEM_INDEXER_READERS_XLSX_H_
#define TANDEM_INDEXER_READERS_XLSX_H_

#include <string_view>

#include "indexer/reader.h"
#include "indexer/readers/zip_archive.h"

namespace tandem {

// The sheets that are shown, in their order: the name of each as heading, its rows as records
// (record_writer.h). Cells give the value that Excel computed last; dates are written as
// 2024-01-31, shares as per cent, other numbers with the 15 digits that Excel keeps. `part` is the
// main part. Throws what ZipArchive and XmlParser throw. Safe from any thread for different
// archives.
SourceText read_xlsx(ZipArchive& archive, std::string_view part);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_XLSX_H_
