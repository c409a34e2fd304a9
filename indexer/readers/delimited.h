// Tables as text: comma-separated values (RFC 4180) and their relatives.
#ifndef TANDEM_INDEXER_READERS_DELIMITED_H_
#define TANDEM_INDEXER_READERS_DELIMITED_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// Rows as records (record_writer.h). The delimiter is a tab where `is_tsv`, else the one among
// comma, semicolon, tab and bar by which most of the first rows agree in their number of cells.
// What is no table by any of them, or has more columns than kMaxColumns, stays the text it is.
// `name` is for messages. Throws kTooLarge beyond kMaxTextBytes. Safe from any thread.
SourceText read_delimited(std::string_view bytes, std::string_view name, bool is_tsv);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_DELIMITED_H_
