// The RTF reader.
#include "indexer/readers/rtf.h"

#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  return {
      "{\\rtf1\\ansi\\ansicpg1252\\uc1{\\fonttbl{\\f0 A;}{\\f1\\fcharset128 B;}}{\\stylesheet{\\s1 "
      "heading 1;}}{\\info{\\title T}}\\pard\\s1 a\\'e9\\u8211?\\u-10179?\\u-8704?\\par"
      "\\pard\\intbl b\\cell c\\cell\\row\\pard\\f1\\'82\\'a0{\\footnote n}\\page}",
      "{\\rtf1{\\*\\x y}{\\pict 00}\\bin3 abc{\\listtext 1.}\\ls1 d\\par\\tab\\~\\_\\{\\}\\\\}"};
}

std::vector<std::string> words() {
  return {
      "\\rtf1",   "\\par",      "\\pard",    "\\cell",      "\\row",  "\\intbl",        "\\u",
      "\\uc2",    "\\'8",       "\\bin",     "\\fcharset",  "\\f1",   "\\ansicpg",      "\\*",
      "\\s1",     "\\page",     "\\pict",    "\\title",     "\\info", "\\outlinelevel", "\\ilvl",
      "\\pntext", "\\footnote", "\\nestrow", "99999999999", "-32768"};
}

void run(std::string_view input) {
  check_source(read_rtf(input, "a.rtf"));
}

}  // namespace tandem::fuzz
