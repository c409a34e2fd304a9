// The HTML reader: libxml2, boilerplate, text.
#include "indexer/readers/html.h"

#include "base/file.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"

namespace tandem::fuzz {

namespace {

constexpr const char* kPage =
    "<!DOCTYPE html><html><head><meta charset=\"iso-8859-1\"><title>T - Site</title></head><body>"
    "<nav><a href=\"/\">Home</a></nav><main><h1>T</h1><p>One &amp; two&nbsp;\xE9.</p></main>"
    "<footer>Copyright</footer></body></html>";

constexpr const char* kTables =
    "<table><tr><th>a<td colspan=2>b</tr></table><ul><li>x<ol><li>y</ol></ul><pre> z\n w</pre>";

constexpr const char* kFurniture =
    "<div hidden>no</div><div role=navigation class='menu'><a href=#a>a</a><a href=b>b</a></div>"
    "<dl><dt>t<dd>d</dl><p>x<sup>2</sup><br>y<hr><script>s()</script><!-- c --><h2 id=a>A</h2>";

constexpr const char* kXhtml =
    "<?xml version='1.0' encoding='utf-8'?><html><body><p>x</p><svg><text>s</text></svg>"
    "<details><summary>q</summary>r</details><button>b</button><template>t</template>";

}  // namespace

std::vector<std::string> seeds() {
  return {read_file(TANDEM_SOURCE_DIR "/tests/e2e/documents/bread.html"), kPage, kTables,
          kFurniture, kXhtml};
}

std::vector<std::string> words() {
  return {"<div",       "</div>",   "<p>",           "<table>",        "<tr>",     "<td>",
          "<pre>",      "<h1>",     "</h1>",         "<nav>",          "<main>",   "<article>",
          "<aside>",    "<footer>", "<header>",      "<a href=",       "<li>",     "<ul>",
          "<dl>",       "<br>",     "<sup>",         "<title>",        "<script>", "<style>",
          "<textarea>", "<select>", "<option>",      "<iframe>",       "<!--",     "-->",
          "<![CDATA[",  "&#0;",     "&#x110000;",    "&nbsp;",         "&lt;",     "hidden",
          "aria-label", "class=",   "role=\"main\"", "charset=utf-16", "<?xml"};
}

void run(std::string_view input) {
  check_source(read_html(input, "page.html"));
}

}  // namespace tandem::fuzz
