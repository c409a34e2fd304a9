#include "server/file_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "server/http_error.h"
#include "server/ranking_options.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxTools = 16;
constexpr std::size_t kMaxVectorStores = 8;
constexpr std::int64_t kMaxResults = 50;

json value_or(const Fields& fields, std::string_view name, const json& fallback) {
  const json* const value = fields.find(name);
  return value == nullptr ? fallback : *value;
}

std::vector<std::string> parse_ids(const Fields& tool) {
  const json* const ids = tool.array(kVectorStoreIds, kMaxVectorStores);
  if (ids == nullptr) tool.fail(kVectorStoreIds, "is missing.");
  if (ids->empty()) tool.fail(kVectorStoreIds, "must name at least one vector store.");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < ids->size(); ++i) {
    const std::string place = path_of_element(kVectorStoreIds, i);
    const json& id = (*ids)[i];
    if (!id.is_string()) {
      tool.fail(place, fmt::format("must be a string, not {}.", describe_type(id)));
    }
    const std::string name = id.get<std::string>();
    try {
      check_collection_name(name);
    } catch (const Error& error) {
      tool.fail(place, fmt::format("is not the id of a vector store: {}", error.what()));
    }
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

void parse_tool(const Fields& tool, FileSearch& parsed, SearchOptions& search) {
  parsed.vector_stores = parse_ids(tool);
  if (const auto limit = tool.integer("max_num_results", 1, kMaxResults)) {
    search.limit = static_cast<std::size_t>(*limit);
  }
  if (const auto filter = tool.filter("filters")) search.filter = *filter;
  parse_ranking_options(tool, search);
  parsed.tools.push_back(
      {{"type", "file_search"},
       {kVectorStoreIds, parsed.vector_stores},
       {"max_num_results", search.limit},
       {"filters", value_or(tool, "filters", nullptr)},
       {"ranking_options",
        value_or(tool, "ranking_options", {{"ranker", "auto"}, {"score_threshold", 0}})}});
}

void parse_tools(const Fields& body, FileSearch& parsed, SearchOptions& search) {
  const json* const tools = body.array("tools", kMaxTools);
  if (tools == nullptr) return;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const Fields tool((*tools)[i], path_of_element("tools", i));
    const std::string type = tool.text("type").value_or("");
    if (type == "function") {
      tool.fail("type",
                "is 'function', but this server calls none: it has 'file_search', which searches "
                "vector stores. For an answer of a form of your own give a JSON Schema as its "
                "format.");
    }
    if (type != "file_search") {
      tool.fail("type", "must be 'file_search', the only tool that this server has.");
    }
    if (!parsed.vector_stores.empty()) {
      tool.fail("type", "is 'file_search' again; one tool may name several vector stores.");
    }
    parsed.path = path_of_element("tools", i);
    parse_tool(tool, parsed, search);
  }
}

void parse_choice(const Fields& body, FileSearch& parsed) {
  parsed.choice = value_or(body, "tool_choice", "auto");
  std::string wanted;
  if (parsed.choice.is_string()) {
    wanted = parsed.choice.get<std::string>();
    if (wanted != "none" && wanted != "auto" && wanted != "required") {
      body.fail("tool_choice", "must be 'none', 'auto', 'required' or {'type': 'file_search'}.");
    }
  } else {
    const Fields fields(parsed.choice, "tool_choice");
    wanted = fields.text("type").value_or("");
    if (wanted != "file_search") {
      fields.fail("type", "must be 'file_search', the only tool that this server has.");
    }
  }
  if (parsed.vector_stores.empty() && (wanted == "required" || wanted == "file_search")) {
    body.fail("tool_choice", "asks for a tool, but 'tools' has none.");
  }
  parsed.forbidden = wanted == "none";
}

}  // namespace

FileSearch parse_file_search(const Fields& body, SearchOptions& search) {
  FileSearch parsed;
  parse_tools(body, parsed, search);
  parse_choice(body, parsed);
  return parsed;
}

Retrieval retrieve(const FileSearch& tool, const ServedRelease& release, const Store& store,
                   std::span<const ChatMessage> messages, AnswerOptions options) {
  std::vector<std::string> names = tool.vector_stores;
  std::erase_if(names, [&](const std::string& name) { return !store.get_collection(name); });
  if (names.empty()) return {.queries = {messages.back().content}, .hits = {}};
  options.search.collection = names.front();
  options.search.more_collections.assign(names.begin() + 1, names.end());
  return release.answerer->retrieve(messages, options);
}

}  // namespace tandem
