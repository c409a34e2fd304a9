// reStructuredText, Org and AsciiDoc, which differ from Markdown in their headings only.
#include "indexer/readers/org.h"
#include "indexer/readers/rst.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  return {"====\nTop\n====\n\nPart\n----\n\ntext\n\nInner\n~~~~~\n",
          "#+title: T\n* TODO One :a:b:\n#+begin_src\n* no\n#+end_src\n** Two\n",
          "= T\n\n== One\n\n----\n== no\n----\n=== Two\n"};
}

std::vector<std::string> words() {
  return {"====\n", "----\n",   "~~~~\n",  "\n\n",  "* ",  "** ",    "TODO ",
          ":a:",    "#+title:", "#+begin", "#+end", "== ", "....\n", "  "};
}

void run(std::string_view input) {
  check_source(read_rst(input));
  check_source(read_org(input));
  check_source(read_asciidoc(input));
}

}  // namespace tandem::fuzz
