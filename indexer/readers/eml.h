// E-mails as files (RFC 5322, MIME: RFC 2045 to 2047, 2183, 2231).
#ifndef TANDEM_INDEXER_READERS_EML_H_
#define TANDEM_INDEXER_READERS_EML_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// The subject is the title; sender, recipients and date stand as lines before the text. Of
// alternatives the plain text is taken, else HTML through its reader; messages within the message
// follow under their subject; attachments are named only. Damaged parts give what can be read of
// them. `name` is for messages. Throws what read_html throws. Safe from any thread.
SourceText read_eml(std::string_view bytes, std::string_view name);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_EML_H_
