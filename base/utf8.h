// UTF-8 (Unicode 15, section 3.9): validation, repair, counting and iteration.
//
// Every text that enters Tandem is made valid once, at the border (readers, HTTP), so that code
// behind the border may assume validity. Offsets that leave Tandem (citations, passages) count code
// points, because that is what JSON clients can slice by; offsets inside count bytes.
// All functions are pure and safe to call from any thread.
#ifndef TANDEM_BASE_UTF8_H_
#define TANDEM_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tandem {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// One decoded code point and the number of bytes it took. An ill-formed sequence decodes to
// kReplacementCharacter and consumes its maximal subpart (Unicode 3.9, table 3-8), at least 1 byte.
struct Utf8Char {
  char32_t code_point = 0;
  std::size_t size_bytes = 0;
  bool valid = false;
};

// Decodes the code point at the start of `text`, which must not be empty.
Utf8Char decode_utf8(std::string_view text);

// Appends `code_point` to `out`. Surrogates and values above 0x10FFFF become U+FFFD.
void append_utf8(char32_t code_point, std::string& out);

bool is_valid_utf8(std::string_view text);

// Replaces each ill-formed sequence by U+FFFD, as the WHATWG decoder and Python's
// errors="replace" do. Valid input comes back unchanged.
std::string repair_utf8(std::string_view text);

// Number of code points; an ill-formed sequence counts as one.
std::size_t count_code_points(std::string_view text);

// Byte offset of the code point with index `code_points`; text.size() if there are fewer.
std::size_t byte_offset(std::string_view text, std::size_t code_points);

// Length of the longest prefix of `text` that does not end inside a character. Bytes that can never
// become a character are not held back. A stream sends this prefix and keeps the rest.
std::size_t complete_utf8_prefix(std::string_view text);

// With the letters A to Z in lower case and all else as it is, whatever the locale.
std::string lower_ascii(std::string_view text);

}  // namespace tandem

#endif  // TANDEM_BASE_UTF8_H_
