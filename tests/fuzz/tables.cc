// Tables as text, JSON, JSON Lines and notebooks. The first byte chooses.
#include "indexer/readers/delimited.h"
#include "indexer/readers/ipynb.h"
#include "indexer/readers/json_text.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/reader_use.h"

namespace tandem::fuzz {

std::vector<std::string> seeds() {
  return {"cPort,Range\nBrest,6.1\n\"a \"\"b\"\"\n\",27\"\n",
          "cA;B\n1;2\n\n3;4\n",
          "tA\tB\nc\td\n",
          "j{\"title\": \"T\", \"a\": {\"b\": [1, 2.50, \"x\\ny\"]}, \"c\": [{\"d\": null}]}",
          "l{\"a\": 1}\n{\"a\": \"\\u00e9\"}\n{bad\n",
          "n{\"cells\": [{\"cell_type\": \"markdown\", \"source\": [\"# A\\n\", \"b\"]}, "
          "{\"cell_type\": \"code\", \"source\": \"x\", \"outputs\": [{\"text\": [\"y\"]}]}]}"};
}

std::vector<std::string> words() {
  return {"\"\"", "\",\"", ",,,",  "\n\n",        "\"cells\": [", "\"source\": ", "\"outputs\": ",
          "{\"",  "\": ",  "[[[[", "\"title\": ", "\\ud83d",      "1e400",        "null"};
}

void run(std::string_view input) {
  if (input.empty()) return;
  const std::string_view bytes = input.substr(1);
  switch (input[0]) {
    case 'c':
      return check_source(read_delimited(bytes, "a.csv", false));
    case 't':
      return check_source(read_delimited(bytes, "a.tsv", true));
    case 'l':
      return check_source(read_json(bytes, "a.jsonl"));
    case 'n':
      return check_source(read_ipynb(bytes, "a.ipynb"));
    default:
      return check_source(read_json(bytes, "a.json"));
  }
}

}  // namespace tandem::fuzz
