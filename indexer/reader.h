// Readers turn the bytes of a document into its text, headings and pages.
#ifndef TANDEM_INDEXER_READER_H_
#define TANDEM_INDEXER_READER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// A heading and where it stands: bytes into SourceText::text.
struct Heading {
  std::size_t begin = 0;
  std::size_t end = 0;
  int level = 1;  // 1 for a chapter, growing inwards
};

struct SourceText {
  std::string title;  // empty if the document names none
  std::string media_type;
  std::string text;                      // valid UTF-8, line ends are "\n", no NUL
  std::vector<Heading> headings;         // by growing begin
  std::vector<std::size_t> page_starts;  // byte at which each page begins; empty without pages
};

struct ReadLimits {
  std::uint64_t max_bytes = 64ull << 20;  // of the original
  int timeout_ms = 60'000;                // for a converter
};

// Reads a document by what it is: first by its leading bytes, then by the extension of `name`.
// HTML loses its navigation and boilerplate. Throws Error: kUnsupported (binary data or a format no
// reader knows, naming what was found), kCorrupt (a damaged file), kTooLarge, kTimeout,
// kInvalidArgument (no text in it: empty, or a scan without text). Safe from any thread.
SourceText read_source(std::string_view bytes, std::string_view name,
                       const ReadLimits& limits = {});

// Grows with each change of the texts that the reader of such a document gives. Safe from any
// thread.
int reader_version(std::string_view bytes, std::string_view name);

// Extensions, lower case with their dot, that indexing a folder takes up by itself.
const std::vector<std::string>& known_extensions();

}  // namespace tandem

#endif  // TANDEM_INDEXER_READER_H_
