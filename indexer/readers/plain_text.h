// Plain text: decoded, and otherwise as it is.
#ifndef TANDEM_INDEXER_READERS_PLAIN_TEXT_H_
#define TANDEM_INDEXER_READERS_PLAIN_TEXT_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// Never fails; text without a word in it is for the caller to refuse. Safe from any thread.
SourceText read_plain_text(std::string_view bytes);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_PLAIN_TEXT_H_
