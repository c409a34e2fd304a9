// Holds what a reader made of fuzzed bytes to the promises of SourceText.
#ifndef TANDEM_TESTS_FUZZ_READER_USE_H_
#define TANDEM_TESTS_FUZZ_READER_USE_H_

#include <string>

#include "base/utf8.h"
#include "indexer/reader.h"
#include "tests/fuzz/fuzzer.h"

namespace tandem::fuzz {

inline void check_source(const SourceText& source) {
  require(is_valid_utf8(source.text) && is_valid_utf8(source.title), "text is valid UTF-8");
  require(source.text.find('\0') == std::string::npos, "there is no NUL in a text");
  require(source.text.find('\r') == std::string::npos, "line ends are \\n");
  std::size_t begin = 0;
  for (const Heading& heading : source.headings) {
    require(heading.begin >= begin && heading.end >= heading.begin, "headings stand in order");
    require(heading.end <= source.text.size(), "headings are within the text");
    require(is_valid_utf8(source.text.substr(heading.begin, heading.end - heading.begin)),
            "headings begin and end with a character");
    begin = heading.begin;
  }
}

}  // namespace tandem::fuzz

#endif  // TANDEM_TESTS_FUZZ_READER_USE_H_
