// Markdown (CommonMark headings and fences, YAML or TOML front matter).
#ifndef TANDEM_INDEXER_READERS_MARKDOWN_H_
#define TANDEM_INDEXER_READERS_MARKDOWN_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// The text stays the source itself, marks and all, so that offsets point into the file that the
// user knows; language models read Markdown well. Found are ATX and setext headings outside code
// and comments, and the title: that of the front matter, else the first heading of level 1. Never
// fails. Safe from any thread.
SourceText read_markdown(std::string_view bytes);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_MARKDOWN_H_
