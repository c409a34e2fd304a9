#include "indexer/readers/html_tree.h"

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "indexer/readers/html_hints.h"

namespace tandem {
namespace {

struct ElementRule {
  std::string_view name;
  HtmlTag tag;
  std::uint8_t level = 0;
};

constexpr ElementRule kElements[] = {
    {"a", HtmlTag::kLink},           {"address", HtmlTag::kBlock},
    {"article", HtmlTag::kMain},     {"aside", HtmlTag::kAside},
    {"blockquote", HtmlTag::kBlock}, {"body", HtmlTag::kBody},
    {"br", HtmlTag::kBreak},         {"button", HtmlTag::kButton},
    {"caption", HtmlTag::kRow},      {"center", HtmlTag::kDivision},
    {"dd", HtmlTag::kDefinition},    {"details", HtmlTag::kBlock},
    {"dir", HtmlTag::kList},         {"div", HtmlTag::kDivision},
    {"dl", HtmlTag::kBlock},         {"dt", HtmlTag::kTerm},
    {"fieldset", HtmlTag::kBlock},   {"figcaption", HtmlTag::kBlock},
    {"figure", HtmlTag::kBlock},     {"footer", HtmlTag::kFooter},
    {"form", HtmlTag::kForm},        {"h1", HtmlTag::kHeading, 1},
    {"h2", HtmlTag::kHeading, 2},    {"h3", HtmlTag::kHeading, 3},
    {"h4", HtmlTag::kHeading, 4},    {"h5", HtmlTag::kHeading, 5},
    {"h6", HtmlTag::kHeading, 6},    {"header", HtmlTag::kHeader},
    {"hr", HtmlTag::kRule},          {"html", HtmlTag::kBody},
    {"li", HtmlTag::kItem},          {"listing", HtmlTag::kPre},
    {"main", HtmlTag::kMain},        {"nav", HtmlTag::kNav},
    {"ol", HtmlTag::kList, 1},       {"p", HtmlTag::kParagraph},
    {"pre", HtmlTag::kPre},          {"section", HtmlTag::kSection},
    {"summary", HtmlTag::kDivision}, {"sup", HtmlTag::kSuperscript},
    {"table", HtmlTag::kTable},      {"td", HtmlTag::kCell},
    {"th", HtmlTag::kCell},          {"tr", HtmlTag::kRow},
    {"ul", HtmlTag::kList},          {"xmp", HtmlTag::kPre},
};

// Left out with all they hold: not text, or not shown.
constexpr std::string_view kDropped[] = {
    "annotation", "applet",   "audio",  "canvas", "datalist", "embed",    "frameset", "iframe",
    "input",      "label",    "map",    "meter",  "noframes", "noscript", "object",   "option",
    "script",     "progress", "select", "style",  "svg",      "template", "textarea", "video",
};

ElementRule rule_of(std::string_view name) {
  const auto* found = std::lower_bound(
      std::begin(kElements), std::end(kElements), name,
      [](const ElementRule& rule, std::string_view wanted) { return rule.name < wanted; });
  if (found != std::end(kElements) && found->name == name) return *found;
  return {name, HtmlTag::kInline};
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

std::string collapse(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_space(c)) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool hides(std::string_view style) {
  std::string plain;
  for (const char c : lower_ascii(style)) {
    if (!is_space(c)) plain.push_back(c);
  }
  return plain.find("display:none") != std::string::npos ||
         plain.find("visibility:hidden") != std::string::npos;
}

std::uint16_t link_flags(std::string_view name, std::string_view value) {
  if (name == "href") return value.starts_with('#') ? kFragmentLink : 0;
  if (name == "rel") {
    for (const std::string_view relation : {"prev", "next", "up", "home", "start", "contents"}) {
      if (value == relation) return kNavigationLink;
    }
  }
  // The same page in another language.
  if (name == "hreflang") return kNavigationLink;
  // DocBook marks the links of its page headers and footers by their keys only.
  if (name == "accesskey" && value.size() == 1) {
    return std::string_view("hnpu").find(value[0]) != std::string_view::npos ? kNavigationLink : 0;
  }
  return 0;
}

std::uint16_t attribute_flags(HtmlTag tag, std::string_view name, std::string_view value) {
  if (name == "hidden" || (name == "aria-hidden" && value == "true")) return kHidden;
  if (name == "style") return hides(value) ? kHidden : 0;
  if (name == "role") {
    if (value == "presentation" || value == "none") return kLayoutTable;
    return is_navigation_role(value) ? kNavigationRole : 0;
  }
  // Generators make the ids of sections and paragraphs out of their headings: a section about menus
  // is no menu.
  const bool id_names_role = tag == HtmlTag::kDivision || tag == HtmlTag::kList ||
                             tag == HtmlTag::kTable || tag == HtmlTag::kInline ||
                             tag == HtmlTag::kForm || tag == HtmlTag::kItem;
  // Style classes of headings and cells say how they behave ("anchorWithStickyNavbar"), not what
  // they are.
  const bool class_names_role = tag != HtmlTag::kHeading && tag != HtmlTag::kPre &&
                                tag != HtmlTag::kRow && tag != HtmlTag::kCell &&
                                tag != HtmlTag::kTerm && tag != HtmlTag::kDefinition;
  if ((name == "class" && class_names_role) || (name == "id" && id_names_role)) {
    switch (name_hint(value)) {
      case NameHint::kNavigation:
        return kNavigationName;
      case NameHint::kContent:
        return kContentName;
      case NameHint::kNone:
        return 0;
    }
  }
  return tag == HtmlTag::kLink ? link_flags(name, value) : 0;
}

// Receives the parser's events. libxml2 is C: no exception may pass through it, so the first one is
// kept, the parser stopped, and the exception thrown again outside.
class TreeBuilder {
 public:
  explicit TreeBuilder(std::string_view name) : name_(name) {
    tree_.nodes.push_back({.tag = HtmlTag::kBody});
    open_.push_back(0);
  }

  void attach(xmlParserCtxtPtr parser) { parser_ = parser; }

  HtmlTree finish() {
    if (failure_) std::rethrow_exception(failure_);
    while (!open_.empty()) close_node();
    tree_.title = collapse(tree_.title);
    return std::move(tree_);
  }

  static void on_start(void* self, const xmlChar* name, const xmlChar** attributes) {
    static_cast<TreeBuilder*>(self)->guarded(
        [&](TreeBuilder& builder) { builder.start(name, attributes); });
  }
  static void on_end(void* self, const xmlChar*) {
    static_cast<TreeBuilder*>(self)->guarded([](TreeBuilder& builder) { builder.end(); });
  }
  static void on_characters(void* self, const xmlChar* text, int size_bytes) {
    static_cast<TreeBuilder*>(self)->guarded([&](TreeBuilder& builder) {
      builder.characters(
          {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size_bytes)});
    });
  }

 private:
  template <typename Action>
  void guarded(const Action& action) noexcept {
    if (failure_) return;
    try {
      action(*this);
    } catch (...) {
      failure_ = std::current_exception();
      xmlStopParser(parser_);
    }
  }

  void start(const xmlChar* raw_name, const xmlChar** attributes) {
    if (++depth_ > kMaxHtmlDepth) {
      throw Error(ErrorCode::kTooLarge,
                  name_ + " nests elements deeper than " + std::to_string(kMaxHtmlDepth),
                  "the page is damaged or hostile; save it as text");
    }
    if (skip_below_ > 0) return;
    const std::string_view name = reinterpret_cast<const char*>(raw_name);
    if (name == "title" && tree_.title.empty()) in_title_ = true;
    const bool dropped =
        std::find(std::begin(kDropped), std::end(kDropped), name) != std::end(kDropped);
    if (dropped || name == "head" || name == "title") {
      if (name != "head") skip_below_ = depth_;
      if (dropped) return;
    }
    const ElementRule rule = rule_of(name);
    if (ends_heading(rule.tag)) close_heading();
    HtmlNode node{.tag = rule.tag, .level = rule.level, .parent = open_.back()};
    std::string_view formula;
    std::string_view address;
    for (; attributes != nullptr && attributes[0] != nullptr; attributes += 2) {
      const std::string_view attribute = reinterpret_cast<const char*>(attributes[0]);
      const std::string_view value =
          attributes[1] != nullptr ? reinterpret_cast<const char*>(attributes[1]) : "";
      node.flags =
          static_cast<std::uint16_t>(node.flags | attribute_flags(rule.tag, attribute, value));
      if (name == "math" && attribute == "alttext") formula = value;
      if (attribute == "href") address = value;
    }
    if (node.tag == HtmlTag::kLink) {
      address_ = address;
      if (address.empty()) node.tag = HtmlTag::kInline;
    }
    push(node);
    if (node.tag != HtmlTag::kBreak && node.tag != HtmlTag::kRule) {
      open_.push_back(static_cast<std::uint32_t>(tree_.nodes.size() - 1));
      opened_at_.push_back(depth_);
    }
    if (node.tag == HtmlTag::kButton) skip_below_ = depth_;
    // The source of a formula reads better than its marked-up symbols.
    if (!formula.empty()) {
      characters(formula);
      skip_below_ = depth_;
    }
  }

  void end() {
    if (!opened_at_.empty() && opened_at_.back() == depth_) {
      close_node();
      opened_at_.pop_back();
    }
    if (skip_below_ == depth_) {
      skip_below_ = 0;
      in_title_ = false;
    }
    if (depth_ > 0) --depth_;
  }

  void characters(std::string_view text) {
    if (in_title_ && skip_below_ == depth_) tree_.title += text;
    if (skip_below_ > 0) return;
    // The parser hands long texts over in pieces.
    HtmlNode& last = tree_.nodes.back();
    const bool continues = last.tag == HtmlTag::kText && last.parent == open_.back() &&
                           last.text_end == tree_.text.size();
    if (!continues) {
      const auto begin = static_cast<std::uint32_t>(tree_.text.size());
      push({.tag = HtmlTag::kText, .parent = open_.back(), .text_begin = begin});
    }
    tree_.text += text;
    tree_.nodes.back().text_end = static_cast<std::uint32_t>(tree_.text.size());
  }

  void push(const HtmlNode& node) {
    if (tree_.nodes.size() >= kMaxHtmlNodes) {
      throw Error(ErrorCode::kTooLarge,
                  name_ + " has more than " + std::to_string(kMaxHtmlNodes) + " elements",
                  "split the page");
    }
    tree_.nodes.push_back(node);
    tree_.nodes.back().end = static_cast<std::uint32_t>(tree_.nodes.size());
  }

  void close_node() {
    HtmlNode& node = tree_.nodes[open_.back()];
    node.end = static_cast<std::uint32_t>(tree_.nodes.size());
    if (node.tag == HtmlTag::kLink && repeats_address(open_.back())) {
      node.flags = static_cast<std::uint16_t>(node.flags | kAddressLink);
    }
    open_.pop_back();
  }

  // Whether the only child of a link is its address, but for a leading "./".
  bool repeats_address(std::uint32_t link) const {
    if (tree_.nodes.size() != link + 2 || tree_.nodes.back().tag != HtmlTag::kText) return false;
    if (address_.find("://") != std::string::npos || address_.starts_with("mailto:")) return false;
    const HtmlNode& child = tree_.nodes.back();
    std::string_view text =
        std::string_view(tree_.text).substr(child.text_begin, child.text_end - child.text_begin);
    if (text.starts_with("./")) text.remove_prefix(2);
    const std::string_view address = address_;
    return address.ends_with(text) && text.find('.') != std::string_view::npos;
  }

  // Blocks that end a heading which its author forgot to end, or ended with the wrong tag.
  static bool ends_heading(HtmlTag tag) {
    return tag == HtmlTag::kHeading || tag == HtmlTag::kParagraph || tag == HtmlTag::kList ||
           tag == HtmlTag::kTable || tag == HtmlTag::kPre || tag == HtmlTag::kRule ||
           tag == HtmlTag::kSection || tag == HtmlTag::kMain;
  }

  void close_heading() {
    const auto is_heading = [&](std::uint32_t node) {
      return tree_.nodes[node].tag == HtmlTag::kHeading;
    };
    while (std::any_of(open_.begin(), open_.end(), is_heading)) {
      close_node();
      opened_at_.pop_back();
    }
  }

  std::string name_;
  xmlParserCtxtPtr parser_ = nullptr;
  HtmlTree tree_;
  std::vector<std::uint32_t> open_;  // nodes from the root to the current one
  std::vector<int> opened_at_;       // depth of each of them but the root
  std::string address_;              // of the link that was opened last
  int depth_ = 0;                    // of the parser, dropped elements included
  int skip_below_ = 0;               // depth of the dropped element that we are in; 0 outside
  bool in_title_ = false;
  std::exception_ptr failure_;
};

}  // namespace

bool is_block(HtmlTag tag) {
  switch (tag) {
    case HtmlTag::kInline:
    case HtmlTag::kText:
    case HtmlTag::kLink:
    case HtmlTag::kBreak:
    case HtmlTag::kRule:
    case HtmlTag::kButton:
    case HtmlTag::kSuperscript:
      return false;
    default:
      return true;
  }
}

HtmlTree parse_html(std::string_view utf8, std::string_view name) {
  static const bool initialised = [] {
    xmlInitParser();
    return true;
  }();
  TANDEM_CHECK(initialised);
  TANDEM_CHECK(utf8.size() < (1u << 30));
  TreeBuilder builder(name);
  if (utf8.empty()) return builder.finish();
  const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> parser(
      htmlCreateMemoryParserCtxt(utf8.data(), static_cast<int>(utf8.size())), &htmlFreeParserCtxt);
  if (parser == nullptr) throw std::bad_alloc();
  *parser->sax = xmlSAXHandler{};
  parser->sax->startElement = &TreeBuilder::on_start;
  parser->sax->endElement = &TreeBuilder::on_end;
  parser->sax->characters = &TreeBuilder::on_characters;
  parser->sax->ignorableWhitespace = &TreeBuilder::on_characters;
  parser->userData = &builder;
  builder.attach(parser.get());
  // The text was decoded before; a declaration inside must not decode it again.
  htmlCtxtUseOptions(parser.get(), HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                       HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
  xmlSwitchEncoding(parser.get(), XML_CHAR_ENCODING_UTF8);
  htmlParseDocument(parser.get());
  return builder.finish();
}

}  // namespace tandem
