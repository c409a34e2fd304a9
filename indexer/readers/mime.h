// The syntax of MIME: header fields, encoded words, transfer encodings, parts.
#ifndef TANDEM_INDEXER_READERS_MIME_H_
#define TANDEM_INDEXER_READERS_MIME_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem {

// Header fields by lower-case name (the first of each name) and the body, which borrows from what
// was parsed.
struct MimeEntity {
  std::map<std::string, std::string> fields;  // unfolded, as they were sent
  std::string_view body;

  // Empty if there is no such field.
  std::string field(const std::string& lower_name) const;
};

MimeEntity parse_entity(std::string_view bytes);

// "text/plain; charset=utf-8": the value in lower case and its parameters by lower-case name.
struct MimeValue {
  std::string value;
  std::map<std::string, std::string> parameters;

  // Empty if there is no such parameter.
  std::string parameter(const std::string& lower_name) const;
};

MimeValue parse_value(std::string_view text);

// Undoes base64 or quoted-printable into `holder`, skipping what is not of the encoding; anything
// else comes back as it is.
std::string_view decode_transfer(std::string_view body, std::string_view encoding,
                                 std::string& holder);

// Header text with encoded words ("=?utf-8?q?caf=C3=A9?=") decoded, as UTF-8.
std::string decode_header(std::string_view text);

// The parts of a multipart body; the text before the first and after the last is not part of it.
std::vector<std::string_view> split_parts(std::string_view body, std::string_view boundary);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_MIME_H_
