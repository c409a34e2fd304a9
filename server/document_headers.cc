#include "server/document_headers.h"

namespace tandem {

const Document* DocumentHeaders::find(const std::string& collection, const std::string& id) {
  const auto [entry, is_new] = known_.try_emplace({collection, id});
  if (is_new) entry->second = store_.get_header(collection, id);
  return entry->second ? &*entry->second : nullptr;
}

}  // namespace tandem
