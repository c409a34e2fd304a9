// The headers of the documents that an answer names, each read once.
#ifndef TANDEM_SERVER_DOCUMENT_HEADERS_H_
#define TANDEM_SERVER_DOCUMENT_HEADERS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "store/store.h"

namespace tandem {

// For one thread. Borrows the store, which must outlive it.
class DocumentHeaders {
 public:
  explicit DocumentHeaders(const Store& store) : store_(store) {}

  // Null for a document that was deleted meanwhile. Valid as long as this object.
  const Document* find(const std::string& collection, const std::string& id);

 private:
  const Store& store_;
  std::map<std::pair<std::string, std::string>, std::optional<Document>> known_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_DOCUMENT_HEADERS_H_
