// Jupyter notebooks (nbformat 3 and 4).
#ifndef TANDEM_INDEXER_READERS_IPYNB_H_
#define TANDEM_INDEXER_READERS_IPYNB_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// The cells in their order: Markdown as its reader gives it, code and its plain-text results as
// they are. Pictures and HTML results are left out. The title is the first heading of level 1. What
// has no cells is read as JSON. `name` is for messages. Throws kTooLarge beyond kMaxTextBytes. Safe
// from any thread.
SourceText read_ipynb(std::string_view bytes, std::string_view name);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_IPYNB_H_
