// reStructuredText.
#ifndef TANDEM_INDEXER_READERS_RST_H_
#define TANDEM_INDEXER_READERS_RST_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// The text stays the source itself, as with Markdown. Found are section titles, with an underline
// or with lines above and below, whose levels follow from the order in which their styles come
// first. Never fails. Safe from any thread.
SourceText read_rst(std::string_view bytes);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_RST_H_
