#include "indexer/readers/html_boilerplate.h"

#include <algorithm>
#include <string>

#include "base/utf8.h"
#include "indexer/readers/html_hints.h"

namespace tandem {
namespace {

// What a subtree holds. Characters are bytes without white space.
struct Content {
  std::uint32_t characters = 0;
  std::uint32_t link_characters = 0;
  std::uint32_t fragment_characters = 0;    // of links to places of the same page
  std::uint32_t navigation_characters = 0;  // of links to neighbouring pages
  std::uint32_t address_characters = 0;     // of links whose text is their address
  std::uint32_t links = 0;
  bool has_heading = false;
  bool has_top_heading = false;  // h1
  bool has_main = false;
  bool has_button = false;
  bool has_form = false;

  double link_density() const {
    return characters == 0 ? 0.0 : static_cast<double>(link_characters) / characters;
  }
};

std::uint32_t visible_characters(std::string_view text) {
  return static_cast<std::uint32_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > ' '; }));
}

std::string text_below(const HtmlTree& tree, std::size_t node, std::size_t max_bytes) {
  std::string text;
  for (std::size_t i = node; i < tree.nodes[node].end && text.size() < max_bytes; ++i) {
    const HtmlNode& part = tree.nodes[i];
    if (part.tag == HtmlTag::kText) {
      text += std::string_view(tree.text).substr(
          part.text_begin, std::min<std::size_t>(part.text_end - part.text_begin, max_bytes));
    }
  }
  return text;
}

void count_link(const HtmlTree& tree, std::size_t index, Content& content) {
  const HtmlNode& node = tree.nodes[index];
  content.links = 1;
  content.link_characters = content.characters;
  if ((node.flags & kAddressLink) != 0) content.address_characters = content.characters;
  if ((node.flags & kFragmentLink) != 0) content.fragment_characters = content.characters;
  constexpr std::uint32_t kLongestPhrase = 40;
  const bool leads_away =
      (node.flags & kNavigationLink) != 0 ||
      (content.characters <= kLongestPhrase &&
       is_navigation_phrase(text_below(tree, index, std::size_t{2} * kLongestPhrase)));
  if (leads_away) content.navigation_characters = content.characters;
}

std::vector<Content> measure(const HtmlTree& tree, const std::vector<bool>& hidden) {
  std::vector<Content> contents(tree.nodes.size());
  // Backwards: all that is below a node is gathered by the time the node itself is met.
  for (std::size_t i = tree.nodes.size(); i-- > 0;) {
    const HtmlNode& node = tree.nodes[i];
    Content& content = contents[i];
    if (hidden[i]) {
      content = {};
      continue;
    }
    switch (node.tag) {
      case HtmlTag::kText:
        content.characters = visible_characters(
            std::string_view(tree.text).substr(node.text_begin, node.text_end - node.text_begin));
        break;
      case HtmlTag::kLink:
        count_link(tree, i, content);
        break;
      case HtmlTag::kHeading:
        content.has_heading = true;
        content.has_top_heading = content.has_top_heading || node.level == 1;
        break;
      case HtmlTag::kMain:
        content.has_main = true;
        break;
      case HtmlTag::kButton:
        content.has_button = true;
        break;
      case HtmlTag::kForm:
        content.has_form = true;
        break;
      default:
        break;
    }
    if (i == 0) break;
    Content& parent = contents[node.parent];
    parent.characters += content.characters;
    parent.link_characters += content.link_characters;
    parent.fragment_characters += content.fragment_characters;
    parent.navigation_characters += content.navigation_characters;
    parent.address_characters += content.address_characters;
    parent.links += content.links;
    parent.has_heading = parent.has_heading || content.has_heading;
    parent.has_top_heading = parent.has_top_heading || content.has_top_heading;
    parent.has_main = parent.has_main || content.has_main;
    parent.has_button = parent.has_button || content.has_button;
    parent.has_form = parent.has_form || content.has_form;
  }
  return contents;
}

// A table of contents of this very page: all it says stands again in the headings below.
bool lists_own_sections(const HtmlNode& node, const Content& content) {
  const bool may_list = node.tag == HtmlTag::kList || node.tag == HtmlTag::kTable ||
                        node.tag == HtmlTag::kDivision || node.tag == HtmlTag::kBlock;
  return may_list && content.links >= 3 && !content.has_heading && content.link_density() >= 0.7 &&
         content.fragment_characters >= 0.8 * content.link_characters;
}

// "Previous | Up | Next", or a choice of languages.
bool leads_to_neighbours(const HtmlNode& node, const Content& content) {
  if (node.tag == HtmlTag::kList && content.links > 1 &&
      content.navigation_characters >= 0.8 * content.characters) {
    return true;
  }
  return is_block(node.tag) && content.links > 0 && content.characters <= 200 &&
         !content.has_top_heading && content.link_density() >= 0.6 &&
         content.navigation_characters >= 0.5 * content.link_characters;
}

// The label of something that unfolds or runs when clicked.
bool labels_button(const HtmlNode& node, const Content& content) {
  return is_block(node.tag) && content.has_button && content.characters < 80 &&
         (content.links == 0 || content.link_density() >= 0.5);
}

// Cross-reference tables made by tools: rows of file names, each a link to itself. In prose such a
// link is kept: "see notes.html".
bool is_bare_address(const HtmlTree& tree, std::size_t index,
                     const std::vector<Content>& contents) {
  if ((tree.nodes[index].flags & kAddressLink) == 0) return false;
  std::size_t block = tree.nodes[index].parent;
  while (block != 0 && !is_block(tree.nodes[block].tag)) block = tree.nodes[block].parent;
  return contents[block].address_characters * 2 >= contents[block].characters;
}

struct Surroundings {
  std::uint32_t page_characters = 0;
  bool in_main = false;
};

bool is_furniture(const HtmlNode& node, const Content& content, const Surroundings& around) {
  if (node.tag == HtmlTag::kBody || node.tag == HtmlTag::kMain || content.has_main) return false;
  // Names mislead: what holds most of the page in prose is the page.
  const bool is_prose = content.link_density() < 0.5;
  if (is_prose && content.characters > around.page_characters / 2) return false;
  if (node.tag == HtmlTag::kNav) return true;
  if (node.tag == HtmlTag::kFooter) return !around.in_main || content.characters < 300;
  if ((node.flags & kNavigationRole) != 0) return !content.has_top_heading;
  // Notes beside the text are marked up as asides too.
  if (node.tag == HtmlTag::kAside) return !around.in_main || content.link_density() >= 0.3;
  if (node.tag == HtmlTag::kHeader) {
    return !around.in_main && !content.has_heading &&
           (content.links > 0 || content.has_form || content.has_button);
  }
  if ((node.flags & (kNavigationName | kContentName)) == kNavigationName &&
      !content.has_top_heading) {
    return content.characters < 300 || content.link_density() >= 0.3;
  }
  if (node.tag == HtmlTag::kForm && content.characters < 100) return true;
  return lists_own_sections(node, content) || leads_to_neighbours(node, content) ||
         labels_button(node, content);
}

// Small things in the run of the text that are there to be clicked: the mark that documentation
// tools put behind a heading, "skip to content", the number of a footnote.
bool is_inline_furniture(const HtmlTree& tree, std::size_t index, const Content& content) {
  const HtmlNode& node = tree.nodes[index];
  if (node.tag != HtmlTag::kLink && node.tag != HtmlTag::kSuperscript) return false;
  constexpr std::uint32_t kLongest = 40;
  if (content.characters == 0 || content.characters > kLongest) return false;
  std::string text = text_below(tree, index, std::size_t{2} * kLongest);
  text.erase(0, text.find_first_not_of(' '));
  if (node.tag == HtmlTag::kSuperscript) {
    return content.fragment_characters == content.characters && text.starts_with('[');
  }
  if (text == "#" || text == "\u00B6" || text == "\u00A7" || text == "\u200B") return true;
  return (node.flags & kFragmentLink) != 0 && is_skip_phrase(text);
}

}  // namespace

std::vector<bool> find_hidden(const HtmlTree& tree) {
  std::vector<bool> hidden(tree.nodes.size());
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    const HtmlNode& node = tree.nodes[i];
    hidden[i] = hidden[node.parent] || (node.flags & kHidden) != 0;
  }
  return hidden;
}

std::vector<bool> find_boilerplate(const HtmlTree& tree) {
  std::vector<bool> dropped = find_hidden(tree);
  const std::vector<Content> contents = measure(tree, dropped);
  std::vector<bool> in_main(tree.nodes.size());
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
    const HtmlNode& node = tree.nodes[i];
    in_main[i] = in_main[node.parent] || node.tag == HtmlTag::kMain;
    if (dropped[i]) continue;
    dropped[i] = dropped[node.parent] || is_inline_furniture(tree, i, contents[i]) ||
                 is_bare_address(tree, i, contents) ||
                 is_furniture(node, contents[i], {contents[0].characters, in_main[i]});
  }
  return dropped;
}

std::size_t end_of_content(std::string_view text) {
  constexpr std::size_t kLongestNotice = 200;
  constexpr std::string_view kNotices[] = {
      "this page last modified",
      "this page was last",
      "last modified",
      "last updated",
      "last edited",
      "page last",
      "generated by",
      "generated on",
      "page generated",
      "copyright",
      "(c) ",
      "\u00A9",
      "all rights reserved",
      "built with",
      "powered by",
      "created using",
  };
  while (true) {
    const std::size_t end = text.find_last_not_of(" \n");
    if (end == std::string_view::npos) return text.size();
    text = text.substr(0, end + 1);
    const std::size_t gap = text.rfind("\n\n");
    if (gap == std::string_view::npos) return text.size();
    const std::string last = lower_ascii(text.substr(gap + 2, kLongestNotice + 1));
    if (last.size() > kLongestNotice) return text.size();
    const bool is_notice = std::any_of(std::begin(kNotices), std::end(kNotices),
                                       [&](auto notice) { return last.starts_with(notice); });
    if (!is_notice) return text.size();
    text = text.substr(0, gap);
  }
}

}  // namespace tandem
