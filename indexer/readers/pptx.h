// PowerPoint presentations (PresentationML, ECMA-376 part 1, section 19).
#ifndef TANDEM_INDEXER_READERS_PPTX_H_
#define TANDEM_INDEXER_READERS_PPTX_H_

#include <string_view>

#include "indexer/reader.h"
#include "indexer/readers/zip_archive.h"

namespace tandem {

// Slides in the order in which they are shown, each a page: its title as heading, then its shapes,
// tables, charts and diagrams, then the speaker's notes. Left out are numbers, dates and footers
// that stand on every slide. `part` is the main part. Throws what ZipArchive and XmlParser throw.
// Safe from any thread for different archives.
SourceText read_pptx(ZipArchive& archive, std::string_view part);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_PPTX_H_
