// Tells the content of a page from its furniture: menus, search boxes, breadcrumbs, tables of
// contents, footers.
//
// The evidence is what authors say (elements, ARIA roles, names of classes and ids) weighed against
// what the text looks like (share of it that is link text, share of the page), as in "Boilerplate
// Detection using Shallow Text Features" (Kohlschuetter et al., WSDM 2010). Text density alone, the
// other half of that paper, is not used: reference manuals are full of short lines. A page that is
// a list of links to other pages keeps its list.
#ifndef TANDEM_INDEXER_READERS_HTML_BOILERPLATE_H_
#define TANDEM_INDEXER_READERS_HTML_BOILERPLATE_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "indexer/readers/html_tree.h"

namespace tandem {

// One flag for each node of the tree: whether it, with its subtree, is furniture. Elements that a
// browser does not show are always marked.
std::vector<bool> find_boilerplate(const HtmlTree& tree);

// The same with what is not shown alone, for pages where nothing else would be left.
std::vector<bool> find_hidden(const HtmlTree& tree);

// Bytes of `text` without closing paragraphs such as "Last updated on ..." and copyright lines.
std::size_t end_of_content(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_HTML_BOILERPLATE_H_
