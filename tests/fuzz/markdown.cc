// The Markdown reader, and the decoding of bytes that it shares with plain text.
#include "indexer/readers/markdown.h"

#include "base/file.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  return {
      read_file(TANDEM_SOURCE_DIR "/tests/e2e/documents/lighthouse.md"),
      "---\ntitle: \"T\"\n---\n# One #\n\ntext\n\nTwo\n===\n\n```c\n# no\n```\n<!-- # no\n-->\n",
      "+++\ntitle = 'T'\n+++\r\n## A\r~~~~\r# no\n~~~~\n- x\n---\n",
      std::string("\xFF\xFE#\0 \0\xE9\0\n\0", 10), "caf\xE9 # na\xEFve\n=\n"};
}

std::vector<std::string> words() {
  return {"---\n", "+++\n", "title:",       "# ",       "###### ",  "```",  "~~~", "<!--",
          "-->",   "===\n", "\xEF\xBB\xBF", "\xFE\xFF", "\xC2\x85", "    ", "\t"};
}

void run(std::string_view input) {
  check_source(read_markdown(input));
}

}  // namespace tandem::fuzz
