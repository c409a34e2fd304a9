// Vector stores, their files and batches as OpenAI's clients know them. Pure; safe from any thread.
#ifndef TANDEM_SERVER_VECTOR_STORES_JSON_H_
#define TANDEM_SERVER_VECTOR_STORES_JSON_H_

#include <nlohmann/json.hpp>

#include "server/vector_stores/vector_stores.h"

namespace tandem {

nlohmann::json to_json(const VectorStoreView& view);      // vector_store
nlohmann::json to_json(const VectorStoreFileView& view);  // vector_store.file
nlohmann::json to_json(const FileBatchView& view);        // vector_store.files_batch

}  // namespace tandem

#endif  // TANDEM_SERVER_VECTOR_STORES_JSON_H_
