#include "indexer/readers/html_text.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"

namespace tandem {
namespace {

// A numeric reference such as "&#151;" means the character of windows-1252, whatever the standard
// said: browsers read it so (HTML Standard, section 13.2.5.80). Index 0 is 0x80.
constexpr char32_t kWindows1252[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

// Grows a text out of words and borders between them. Borders are held back until more text comes,
// so that none stands at either end and the widest of several wins.
class TextWriter {
 public:
  // Asks for at least this many line ends before the next text.
  void border(int newlines) {
    if (newlines == 0) return;
    if (flat_ > 0) {
      space_ = true;
    } else {
      newlines_ = std::max(newlines_, newlines);
    }
  }
  // While flat, borders become spaces: in table cells and headings.
  void enter_flat() { ++flat_; }
  void leave_flat() { --flat_; }

  // Stands before the next text, after its border.
  void set_marker(std::string marker) { marker_ = std::move(marker); }
  void add_separator() { separators_ += " |"; }
  void drop_separators() { separators_.clear(); }

  void words(std::string_view text) {
    while (!text.empty()) {
      const Utf8Char next = decode_utf8(text);
      if (is_space(next.code_point)) {
        space_ = true;
      } else if (!is_ignorable(next.code_point)) {
        flush();
        char32_t c = next.code_point;
        if (c >= 0x80 && c < 0xA0) c = kWindows1252[c - 0x80];
        append_utf8(c, out_);
      }
      text.remove_prefix(next.size_bytes);
    }
  }

  void verbatim(std::string_view text) {
    for (const char c : text) {
      if (c == '\r') continue;
      if (c == '\n') {
        ++verbatim_newlines_;
        verbatim_spaces_.clear();
      } else if (c == ' ' || c == '\t') {
        verbatim_spaces_.push_back(c);
      } else {
        flush();
        if (static_cast<unsigned char>(c) >= 0x20) out_.push_back(c);
      }
    }
  }
  void begin_verbatim() { border(2); }
  void end_verbatim() {
    verbatim_newlines_ = 0;
    verbatim_spaces_.clear();
    border(2);
  }

  std::size_t size() const { return out_.size(); }
  // Where the next text would begin.
  std::string_view from(std::size_t begin) const { return std::string_view(out_).substr(begin); }
  char last() const { return out_.empty() ? '\0' : out_.back(); }
  bool pending_space() const { return space_ || newlines_ > 0; }
  std::string take() { return std::move(out_); }

 private:
  static bool is_space(char32_t c) { return c <= 0x20 || c == 0xA0 || c == 0x2028 || c == 0x2029; }
  static bool is_ignorable(char32_t c) { return c == 0xAD || c == 0x200B || c == 0xFEFF; }

  void flush() {
    if (newlines_ > 0) {
      if (!out_.empty()) out_.append(static_cast<std::size_t>(newlines_), '\n');
    } else if (verbatim_newlines_ == 0 && space_ && separators_.empty() && !out_.empty() &&
               out_.back() != '\n') {
      out_.push_back(' ');
    }
    if (newlines_ == 0 && !out_.empty()) {
      out_.append(static_cast<std::size_t>(std::min(verbatim_newlines_, 2)), '\n');
    }
    if (!separators_.empty()) {
      out_ += std::string_view(separators_).substr(out_.ends_with('\n') ? 1 : 0);
      separators_.clear();
      out_.push_back(' ');
    }
    out_ += std::exchange(marker_, {});
    out_ += std::exchange(verbatim_spaces_, {});
    newlines_ = 0;
    verbatim_newlines_ = 0;
    space_ = false;
  }

  std::string out_;
  std::string marker_;
  std::string separators_;
  std::string verbatim_spaces_;
  int newlines_ = 0;
  int verbatim_newlines_ = 0;
  int flat_ = 0;
  bool space_ = false;
};

// Bytes of text in a subtree. Text nodes stand in the order of their text.
std::uint32_t bytes_below(const HtmlTree& tree, std::uint32_t node) {
  std::uint32_t first = node;
  const std::uint32_t end = tree.nodes[node].end;
  while (first < end && tree.nodes[first].tag != HtmlTag::kText) ++first;
  std::uint32_t last = end;
  while (last > first && tree.nodes[last - 1].tag != HtmlTag::kText) --last;
  return first == last ? 0 : tree.nodes[last - 1].text_end - tree.nodes[first].text_begin;
}

// Rows whose cells hold blocks are a means of layout: written as one line they would lose them.
std::vector<bool> find_layout_rows(const HtmlTree& tree, const std::vector<bool>& dropped) {
  constexpr std::uint32_t kMostParagraphs = 2;
  constexpr std::uint32_t kLongestListBytes = 300;
  std::vector<bool> layout(tree.nodes.size());
  std::vector<std::uint32_t> paragraphs(tree.nodes.size());  // of a row
  std::vector<std::uint32_t> rows(tree.nodes.size());        // the row that a node stands in, or 0
  std::vector<std::uint32_t> tables(tree.nodes.size());
  for (std::uint32_t i = 1; i < tree.nodes.size(); ++i) {
    const HtmlNode& node = tree.nodes[i];
    rows[i] = rows[node.parent];
    tables[i] = tables[node.parent];
    if (dropped[i]) continue;
    switch (node.tag) {
      case HtmlTag::kTable:
        layout[rows[i]] = true;
        rows[i] = 0;
        tables[i] = i;
        break;
      case HtmlTag::kRow:
        rows[i] = i;
        layout[i] = (tree.nodes[tables[i]].flags & kLayoutTable) != 0;
        break;
      case HtmlTag::kHeading:
      case HtmlTag::kPre:
        layout[rows[i]] = true;
        break;
      case HtmlTag::kList:
        if (bytes_below(tree, i) > kLongestListBytes) layout[rows[i]] = true;
        break;
      case HtmlTag::kParagraph:
        if (++paragraphs[rows[i]] > kMostParagraphs) layout[rows[i]] = true;
        break;
      default:
        break;
    }
  }
  return layout;
}

class Renderer {
 public:
  Renderer(const HtmlTree& tree, const std::vector<bool>& dropped)
      : tree_(tree), dropped_(dropped), layout_(find_layout_rows(tree, dropped)) {}

  SourceText render() {
    std::vector<std::size_t> open;
    std::size_t i = 0;
    while (i < tree_.nodes.size() || !open.empty()) {
      if (!open.empty() && i >= tree_.nodes[open.back()].end) {
        leave(open.back());
        open.pop_back();
        continue;
      }
      const HtmlNode& node = tree_.nodes[i];
      if (dropped_[i] || node.tag == HtmlTag::kButton) {
        // A dropped block still separates what stands around it.
        if (is_block(node.tag)) writer_.border(1);
        i = node.end;
        continue;
      }
      enter(i);
      open.push_back(i);
      ++i;
    }
    source_.text = writer_.take();
    return std::move(source_);
  }

 private:
  struct Table {
    bool is_layout = false;
    int cell = 0;
  };

  void enter(std::size_t i) {
    const HtmlNode& node = tree_.nodes[i];
    begins_.push_back(writer_.size());
    switch (node.tag) {
      case HtmlTag::kText: {
        const auto text =
            std::string_view(tree_.text).substr(node.text_begin, node.text_end - node.text_begin);
        pre_ > 0 ? writer_.verbatim(text) : writer_.words(text);
        break;
      }
      case HtmlTag::kBreak:
        pre_ > 0 ? writer_.verbatim("\n") : writer_.border(1);
        break;
      case HtmlTag::kPre:
        writer_.begin_verbatim();
        ++pre_;
        break;
      case HtmlTag::kHeading:
        writer_.border(2);
        writer_.enter_flat();
        break;
      case HtmlTag::kList:
        writer_.border(lists_.empty() ? 2 : 1);
        lists_.push_back(0);
        break;
      case HtmlTag::kItem:
        enter_item(node);
        break;
      case HtmlTag::kTable:
        writer_.border(2);
        tables_.emplace_back();
        break;
      case HtmlTag::kRow:
        writer_.border(1);
        if (!tables_.empty()) tables_.back() = {.is_layout = layout_[i], .cell = 0};
        break;
      case HtmlTag::kCell:
        enter_cell();
        break;
      case HtmlTag::kSuperscript:
        // 10<sup>9</sup> is not 109.
        if (std::isdigit(static_cast<unsigned char>(writer_.last())) != 0 &&
            !writer_.pending_space() && starts_with_number(i)) {
          writer_.words("^");
        }
        break;
      default:
        writer_.border(border_of(node.tag));
    }
  }

  void leave(std::size_t i) {
    const HtmlNode& node = tree_.nodes[i];
    const std::size_t begin = begins_.back();
    begins_.pop_back();
    switch (node.tag) {
      case HtmlTag::kPre:
        --pre_;
        writer_.end_verbatim();
        break;
      case HtmlTag::kHeading:
        writer_.leave_flat();
        add_heading(begin, node.level);
        writer_.border(2);
        break;
      case HtmlTag::kList:
        lists_.pop_back();
        writer_.set_marker({});
        writer_.border(lists_.empty() ? 2 : 1);
        break;
      case HtmlTag::kItem:
        writer_.set_marker({});
        writer_.border(1);
        break;
      case HtmlTag::kTable:
        writer_.drop_separators();
        tables_.pop_back();
        writer_.border(2);
        break;
      case HtmlTag::kRow:
        writer_.drop_separators();
        writer_.border(1);
        break;
      case HtmlTag::kCell:
        if (in_layout()) {
          writer_.border(2);
        } else {
          writer_.leave_flat();
        }
        break;
      case HtmlTag::kBreak:
        break;
      default:
        if (border_of(node.tag) > 0 && repeats_title(begin)) {
          add_heading(begin, 1);
          writer_.border(2);
        }
        writer_.border(border_of(node.tag));
    }
  }

  static int border_of(HtmlTag tag) {
    switch (tag) {
      case HtmlTag::kDivision:
      case HtmlTag::kHeader:
      case HtmlTag::kFooter:
      case HtmlTag::kNav:
      case HtmlTag::kForm:
      case HtmlTag::kDefinition:
        return 1;
      case HtmlTag::kBlock:
      case HtmlTag::kMain:
      case HtmlTag::kSection:
      case HtmlTag::kAside:
      case HtmlTag::kParagraph:
      case HtmlTag::kTerm:
      case HtmlTag::kRule:
      case HtmlTag::kBody:
        return 2;
      default:
        return 0;
    }
  }

  bool in_layout() const { return tables_.empty() || tables_.back().is_layout; }

  void enter_cell() {
    if (in_layout()) {
      writer_.border(2);
      return;
    }
    writer_.enter_flat();
    if (tables_.back().cell++ > 0) writer_.add_separator();
  }

  void enter_item(const HtmlNode& node) {
    writer_.border(1);
    const std::size_t depth = std::max<std::size_t>(lists_.size(), 1) - 1;
    std::string marker(2 * std::min<std::size_t>(depth, 8), ' ');
    const HtmlNode& list = tree_.nodes[node.parent];
    if (list.tag == HtmlTag::kList && list.level == 1 && !lists_.empty()) {
      marker += std::to_string(++lists_.back()) + ". ";
    } else {
      marker += "- ";
    }
    writer_.set_marker(std::move(marker));
  }

  bool starts_with_number(std::size_t i) const {
    const HtmlNode& next = tree_.nodes[std::min(i + 1, tree_.nodes.size() - 1)];
    if (next.tag != HtmlTag::kText || next.text_begin == next.text_end) return false;
    const char first = tree_.text[next.text_begin];
    return first == '-' || std::isdigit(static_cast<unsigned char>(first)) != 0;
  }

  // The text written since `begin`, without the border and list marker before it.
  std::pair<std::size_t, std::string_view> written(std::size_t begin) const {
    const std::string_view text = writer_.from(begin);
    std::size_t skip = std::min(text.find_first_not_of(" \n"), text.size());
    if (text.substr(skip).starts_with("- ")) skip += 2;
    return {begin + skip, text.substr(skip)};
  }

  void add_heading(std::size_t begin, int level) {
    const auto [first, words] = written(begin);
    if (words.empty() || (!tables_.empty() && !in_layout())) return;
    if (!source_.headings.empty() && source_.headings.back().end > first) return;
    source_.headings.push_back({first, first + words.size(), level});
  }

  bool repeats_title(std::size_t begin) const {
    return !tree_.title.empty() && writer_.size() >= begin + tree_.title.size() &&
           writer_.size() <= begin + tree_.title.size() + 8 && written(begin).second == tree_.title;
  }

  const HtmlTree& tree_;
  const std::vector<bool>& dropped_;
  const std::vector<bool> layout_;
  TextWriter writer_;
  SourceText source_;
  std::vector<std::size_t> begins_;  // size of the text when each open node was entered
  std::vector<int> lists_;           // number of the current item of each open list
  std::vector<Table> tables_;
  int pre_ = 0;
};

}  // namespace

SourceText write_html_text(const HtmlTree& tree, const std::vector<bool>& dropped) {
  return Renderer(tree, dropped).render();
}

}  // namespace tandem
