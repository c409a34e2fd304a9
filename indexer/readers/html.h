// HTML to readable text: libxml2's parser, our own small tree, boilerplate removed.
#ifndef TANDEM_INDEXER_READERS_HTML_H_
#define TANDEM_INDEXER_READERS_HTML_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// Paragraphs are separated by a blank line, list items begin with "- ", the cells of a table row
// are separated by " | ", <pre> is kept verbatim. What a browser does not show is dropped, and so
// are navigation and page furniture (html_boilerplate.h), unless nothing would be left. `name` is
// for messages. Throws kTooLarge if elements nest deeper than kMaxHtmlDepth or there are too many
// of them. Safe from any thread.
SourceText read_html(std::string_view bytes, std::string_view name);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_HTML_H_
