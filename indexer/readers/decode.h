// Bytes in any encoding to UTF-8, and the text habits of Tandem: "\n" line ends, no NUL.
#ifndef TANDEM_INDEXER_READERS_DECODE_H_
#define TANDEM_INDEXER_READERS_DECODE_H_

#include <string>
#include <string_view>

namespace tandem {

// By preference: byte order mark; valid UTF-8; the encoding that the document declares (`declared`,
// a label such as "iso-8859-1", empty if it declares none or an unknown one); UTF-8 with a few
// damaged characters; what ICU's detector finds with some confidence; windows-1252, which gives
// every byte a meaning. What cannot be converted becomes U+FFFD. Safe from any thread.
std::string decode_text(std::string_view bytes, std::string_view declared = {});

// Text whose encoding is known by other means, whatever its bytes look like; that of windows-1252
// if `encoding` is empty or unknown.
std::string decode_as(std::string_view bytes, std::string_view encoding);

// Whether `bytes` open with the mark of UTF-16 or UTF-32, whose NUL bytes are no sign of binary
// data.
bool has_wide_byte_order_mark(std::string_view bytes);

// "\r\n", "\r", form feeds and vertical tabs become "\n"; NUL becomes U+FFFD.
std::string normalize_lines(std::string text);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_DECODE_H_
