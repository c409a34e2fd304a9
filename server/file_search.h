// OpenAI's tool `file_search` in a request for an answer: which vector stores are searched, and
// how.
#ifndef TANDEM_SERVER_FILE_SEARCH_H_
#define TANDEM_SERVER_FILE_SEARCH_H_

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "generator/answerer.h"
#include "server/json_fields.h"
#include "server/served_release.h"
#include "store/store.h"

namespace tandem {

inline constexpr char kVectorStoreIds[] = "vector_store_ids";  // the field of the tool

struct FileSearch {
  std::vector<std::string> vector_stores;          // each once; none without the tool
  std::string path;                                // of the tool in the body
  nlohmann::json tools = nlohmann::json::array();  // `tools` with its defaults, to be repeated
  nlohmann::json choice;                           // `tool_choice`, the same
  bool forbidden = false;                          // whether that is "none"

  bool is_used() const { return !vector_stores.empty() && !forbidden; }
};

// Reads `tools` and `tool_choice` of a request. What the tool says of a search goes to `search`,
// but for what is searched. Throws RequestError (400), also for tools of another type. Pure; safe
// from any thread.
FileSearch parse_file_search(const Fields& body, SearchOptions& search);

// Passages of the vector stores, which are searched as if they were one. Those without a document
// are no collections yet, and are left out. Throws as Answerer::retrieve().
Retrieval retrieve(const FileSearch& tool, const ServedRelease& release, const Store& store,
                   std::span<const ChatMessage> messages, AnswerOptions options);

}  // namespace tandem

#endif  // TANDEM_SERVER_FILE_SEARCH_H_
