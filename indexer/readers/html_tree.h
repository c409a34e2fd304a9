// A page as a flat array of nodes: what the boilerplate rules and the renderer need to know of the
// elements, and no more.
#ifndef TANDEM_INDEXER_READERS_HTML_TREE_H_
#define TANDEM_INDEXER_READERS_HTML_TREE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

enum class HtmlTag : std::uint8_t {
  kInline,    // every element that does not begin a line
  kText,      // no element: characters
  kDivision,  // a block without meaning: div, center, body of a details, ...
  kBlock,     // a block set apart by blank lines: blockquote, figure, address, ...
  kBody,      // html, body
  kMain,      // main, article
  kSection,
  kNav,
  kHeader,
  kFooter,
  kAside,
  kForm,
  kHeading,
  kParagraph,
  kList,
  kItem,
  kTerm,        // dt
  kDefinition,  // dd
  kTable,
  kRow,
  kCell,
  kPre,
  kBreak,
  kRule,
  kLink,    // with an address; an anchor without one is kInline
  kButton,  // its text is not kept
  kSuperscript,
};

// Whether the element stands on lines of its own.
bool is_block(HtmlTag tag);

// What the attributes of an element say.
enum HtmlFlag : std::uint16_t {
  kHidden = 1 << 0,          // not shown by a browser or not read out by one
  kNavigationRole = 1 << 1,  // an ARIA role of page furniture
  kNavigationName = 1 << 2,  // a class or id named like page furniture
  kContentName = 1 << 3,     // a class or id named like the content proper
  kFragmentLink = 1 << 4,    // a link to another place of the same page
  kNavigationLink = 1 << 5,  // a link to the page before, after or above, or to a translation
  kAddressLink = 1 << 7,     // a link whose text is its own relative address
  kLayoutTable = 1 << 6,     // a table that says it is none
};

// Nodes stand in document order, so a parent comes before its children: loops over the array
// forwards hand things down, loops backwards gather them up, and nothing needs recursion. Index 0
// is the root.
struct HtmlNode {
  HtmlTag tag = HtmlTag::kInline;
  std::uint8_t level = 0;  // of a heading; of a list: 1 if it is numbered
  std::uint16_t flags = 0;
  std::uint32_t parent = 0;
  std::uint32_t end = 0;         // one past the last node of its subtree
  std::uint32_t text_begin = 0;  // of kText: bytes into HtmlTree::text
  std::uint32_t text_end = 0;
};

struct HtmlTree {
  std::vector<HtmlNode> nodes;
  std::string text;
  std::string title;  // of the <title> element, white space collapsed
};

// Real pages stay below 100; browsers stop at 512. The parser takes time proportional to it for
// each stray end tag.
inline constexpr int kMaxHtmlDepth = 512;
inline constexpr std::size_t kMaxHtmlNodes = 8'000'000;

// Parses UTF-8 as browsers do: never fails on bad syntax. Scripts, styles, templates, drawings and
// form controls are left out. Throws kTooLarge beyond the limits above, naming `name`.
HtmlTree parse_html(std::string_view utf8, std::string_view name);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_HTML_TREE_H_
