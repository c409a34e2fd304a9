// Documents that are ZIP archives: which they are, and the reader for each.
#ifndef TANDEM_INDEXER_READERS_ZIP_DOCUMENT_H_
#define TANDEM_INDEXER_READERS_ZIP_DOCUMENT_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// Decides by what the archive says of itself: the entry "mimetype" of OpenDocument and e-books,
// else the content types of Office Open XML. Throws kUnsupported for any other archive, and what
// the readers throw. Safe from any thread.
SourceText read_zip_document(std::string_view bytes, std::string_view name);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_ZIP_DOCUMENT_H_
