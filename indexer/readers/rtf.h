// Rich Text Format (specification 1.9.1).
#ifndef TANDEM_INDEXER_READERS_RTF_H_
#define TANDEM_INDEXER_READERS_RTF_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// Paragraphs, with headings by outline level or by a style named "heading N", list items, table
// rows as the HTML reader writes them, and notes in brackets where they stand. Left out are
// pictures, headers and footers. Pages end where the author ended them, if anywhere. A damaged
// document gives the text before and after the damage. Throws kTooLarge beyond kMaxTextBytes,
// naming `name`. Safe from any thread.
SourceText read_rtf(std::string_view bytes, std::string_view name);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_RTF_H_
