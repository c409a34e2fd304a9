#include "indexer/readers/html.h"

#include <string>
#include <utility>

#include "base/utf8.h"
#include "indexer/readers/decode.h"
#include "indexer/readers/html_boilerplate.h"
#include "indexer/readers/html_text.h"
#include "indexer/readers/html_tree.h"

namespace tandem {
namespace {

// A page of which less than this is left although it has far more was emptied by mistake.
constexpr std::size_t kLeastContentBytes = 25;

// The encoding that a page declares in its first bytes (HTML Standard, section 13.2.3.2), by <meta>
// or by an XML declaration; empty if it does not.
std::string declared_encoding(std::string_view bytes) {
  const std::string head = lower_ascii(bytes.substr(0, 4096));
  const auto label_after = [&](std::size_t at) {
    at = head.find_first_not_of(" \t\r\n=\"'", at);
    if (at == std::string::npos) return std::string();
    return head.substr(at, head.find_first_of(" \t\r\n\"'/>;?", at) - at);
  };
  if (head.starts_with("<?xml")) {
    const std::size_t mark = head.find("encoding");
    if (mark < head.find("?>")) return label_after(mark + 8);
  }
  for (std::size_t meta = head.find("<meta"); meta != std::string::npos;
       meta = head.find("<meta", meta + 1)) {
    const std::size_t mark = head.find("charset", meta);
    if (mark < head.find('>', meta)) return label_after(mark + 7);
  }
  return {};
}

// Titles carry the name of the site behind that of the page ("Sorting - The Manual"): cut it off
// where the page's own first heading shows where.
std::string page_title(const std::string& title, const SourceText& source) {
  for (const Heading& heading : source.headings) {
    if (heading.level > 1) continue;
    std::string words = source.text.substr(heading.begin, heading.end - heading.begin);
    if (title.empty()) return words;
    return title.starts_with(words) && title.substr(words.size(), 1) == " " ? words : title;
  }
  return title;
}

void cut_notices(SourceText& source) {
  source.text.resize(end_of_content(source.text));
  while (!source.headings.empty() && source.headings.back().end > source.text.size()) {
    source.headings.pop_back();
  }
}

}  // namespace

SourceText read_html(std::string_view bytes, std::string_view name) {
  const std::string utf8 = normalize_lines(decode_text(bytes, declared_encoding(bytes)));
  const HtmlTree tree = parse_html(utf8, name);
  SourceText source = write_html_text(tree, find_boilerplate(tree));
  cut_notices(source);
  if (source.text.size() < kLeastContentBytes) {
    SourceText whole = write_html_text(tree, find_hidden(tree));
    if (source.text.empty() || whole.text.size() > 10 * source.text.size()) {
      source = std::move(whole);
    }
  }
  source.media_type = "text/html";
  source.title = page_title(tree.title, source);
  return source;
}

}  // namespace tandem
