// The bodies of requests about vector stores. All functions throw RequestError (400) naming the
// first field that is wrong; unknown fields are ignored. Pure; safe from any thread.
#ifndef TANDEM_SERVER_VECTOR_STORES_REQUEST_H_
#define TANDEM_SERVER_VECTOR_STORES_REQUEST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "server/json_fields.h"

namespace tandem {

inline constexpr std::size_t kMaxFilesAtOnce = 2000;
inline constexpr std::int64_t kMinChunkTokens = 100;
inline constexpr std::int64_t kMaxChunkTokens = 4096;

// An uploaded file that is to be read into a vector store.
struct AddedFile {
  std::string id;
  Attributes attributes = {};
  std::size_t passage_tokens = 0;  // at most, of a passage; 0: as many as are usual
};

struct VectorStoreRequest {
  std::string name;
  std::string description;
  Metadata metadata;
  int expires_after_days = 0;  // 0: never
  std::vector<AddedFile> files;
};

// What is not there stays as it is. Null takes metadata and expiry away.
struct VectorStoreChange {
  std::optional<std::string> name;
  std::optional<Metadata> metadata;
  std::optional<int> expires_after_days;
};

VectorStoreRequest parse_vector_store(const Fields& fields);
VectorStoreChange parse_vector_store_change(const Fields& fields);
AddedFile parse_added_file(const Fields& fields);
// One or more, each once.
std::vector<AddedFile> parse_file_batch(const Fields& fields);

}  // namespace tandem

#endif  // TANDEM_SERVER_VECTOR_STORES_REQUEST_H_
