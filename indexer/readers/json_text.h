// JSON and JSON Lines.
#ifndef TANDEM_INDEXER_READERS_JSON_TEXT_H_
#define TANDEM_INDEXER_READERS_JSON_TEXT_H_

#include <string_view>

#include "indexer/reader.h"

namespace tandem {

// "path: value" lines such as "order.item.name: Cup": keys joined by dots, the plain values of an
// array on one line. The objects of an array, the parts of the outermost object and the records of
// JSON Lines are paragraphs. The title is the member "title" of the outermost object. What is not
// valid JSON stays the text it is; in JSON Lines only the line. `name` is for messages and tells
// JSON Lines by ".jsonl" or ".ndjson". Throws kTooLarge beyond kMaxTextBytes. Safe from any thread.
SourceText read_json(std::string_view bytes, std::string_view name);

}  // namespace tandem

#endif  // TANDEM_INDEXER_READERS_JSON_TEXT_H_
