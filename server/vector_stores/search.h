// Searches in a vector store, in OpenAI's terms. All functions are safe from any thread.
#ifndef TANDEM_SERVER_VECTOR_STORES_SEARCH_H_
#define TANDEM_SERVER_VECTOR_STORES_SEARCH_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/json_fields.h"
#include "server/served_release.h"
#include "store/store.h"

namespace tandem {

inline constexpr std::size_t kMaxQueries = 32;

struct VectorStoreSearch {
  std::vector<std::string> queries;  // one or more
  SearchOptions options;             // all but the collection
  bool rerank = true;                // where there is a reranker
};

// Throws RequestError (400) naming the field that is wrong.
VectorStoreSearch parse_vector_store_search(const Fields& fields);

// Passages, best first, each once, with the best of the scores that it has for the queries: from 0
// to 1. Nothing for a collection that does not exist. Throws as Retriever::search.
std::vector<Hit> search_vector_store(const Store& store, const ServedRelease& release,
                                     const std::string& collection,
                                     const VectorStoreSearch& search);

// {file_id, filename, score, attributes, content: [{type, text}], start, end, page, heading_path}:
// one result a passage; start and end are code points of the file's content.
nlohmann::json results_json(const Store& store, const std::vector<Hit>& hits);

}  // namespace tandem

#endif  // TANDEM_SERVER_VECTOR_STORES_SEARCH_H_
