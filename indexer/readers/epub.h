// E-books (EPUB 2 and 3).
#ifndef TANDEM_INDEXER_READERS_EPUB_H_
#define TANDEM_INDEXER_READERS_EPUB_H_

#include "indexer/reader.h"
#include "indexer/readers/zip_archive.h"

namespace tandem {

// The documents of the spine, in reading order, each as the HTML reader gives it; one without
// headings of its own gets that of the table of contents. Throws what ZipArchive, XmlParser and
// read_html throw. Safe from any thread for different archives.
SourceText read_epub(ZipArchive& archive);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_EPUB_H_
