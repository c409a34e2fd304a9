// Writes a tree of HTML as readable text.
#ifndef TANDEM_INDEXER_READERS_HTML_TEXT_H_
#define TANDEM_INDEXER_READERS_HTML_TEXT_H_

#include <vector>

#include "indexer/reader.h"
#include "indexer/readers/html_tree.h"

namespace tandem {

// The text and headings of what `dropped` (one flag a node) leaves of the tree, in the form that
// html.h states. A block that repeats the title of the page becomes a heading of level 1.
SourceText write_html_text(const HtmlTree& tree, const std::vector<bool>& dropped);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_HTML_TEXT_H_
