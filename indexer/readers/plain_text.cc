#include "indexer/readers/plain_text.h"

#include "indexer/readers/decode.h"

namespace tandem {

SourceText read_plain_text(std::string_view bytes) {
  SourceText source;
  source.media_type = "text/plain";
  source.text = normalize_lines(decode_text(bytes));
  return source;
}

}  // namespace tandem
