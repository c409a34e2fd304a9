#include "server/vector_stores/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "retriever/attribute_json.h"
#include "server/answer_json.h"
#include "server/document_headers.h"
#include "server/ranking_options.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::int64_t kDefaultResults = 10;
constexpr std::int64_t kMaxResults = 50;

std::vector<std::string> parse_queries(const Fields& fields) {
  const json* const value = fields.find("query");
  if (value == nullptr) fields.fail("query", "is missing.");
  if (value->is_string()) return {*value};
  if (!value->is_array()) {
    fields.fail("query", fmt::format("must be a string or an array of strings, not {}.",
                                     describe_type(*value)));
  }
  if (value->empty() || value->size() > kMaxQueries) {
    fields.fail("query", fmt::format("must have 1 to {} strings.", kMaxQueries));
  }
  std::vector<std::string> queries;
  for (const json& query : *value) {
    if (!query.is_string()) {
      fields.fail("query",
                  fmt::format("has {} in it; it must have strings only.", describe_type(query)));
    }
    queries.push_back(query);
  }
  return queries;
}

}  // namespace

VectorStoreSearch parse_vector_store_search(const Fields& fields) {
  VectorStoreSearch search;
  search.queries = parse_queries(fields);
  search.options.filter = fields.filter("filters");
  search.options.limit = static_cast<std::size_t>(
      fields.integer("max_num_results", 1, kMaxResults).value_or(kDefaultResults));
  search.options.conditions = false;  // they are language here
  parse_ranking_options(fields, search.options);
  if (const auto ranking = fields.object("ranking_options")) {
    const std::map<std::string, bool> rankers = {
        {"none", false}, {"auto", true}, {"default-2024-11-15", true}};
    search.rerank = ranking->choice("ranker", rankers).value_or(true);
  }
  fields.boolean("rewrite_query");  // what is searched for is what was asked
  return search;
}

std::vector<Hit> search_vector_store(const Store& store, const ServedRelease& release,
                                     const std::string& collection,
                                     const VectorStoreSearch& search) {
  if (!store.get_collection(collection)) return {};
  SearchOptions options = search.options;
  options.collection = collection;
  if (search.rerank && release.reranker) options.rerank = kDefaultReranked;
  std::map<PassageId, Hit> best;
  for (const std::string& query : search.queries) {
    for (Hit& hit : release.retriever->search(query, options)) {
      // Cosines, where words are not indexed yet, may be below 0.
      hit.score = std::clamp(hit.score, 0.0f, 1.0f);
      const auto known = best.find(hit.passage.id);
      if (known == best.end()) {
        best.emplace(hit.passage.id, std::move(hit));
      } else {
        known->second.score = std::max(known->second.score, hit.score);
      }
    }
  }
  return best_hits(std::move(best), options.limit);
}

json results_json(const Store& store, const std::vector<Hit>& hits) {
  DocumentHeaders headers(store);
  json results = json::array();
  for (const Hit& hit : hits) {
    const Passage& passage = hit.passage;
    const Document* const document = headers.find(passage.collection, passage.document_id);
    if (document == nullptr) continue;  // deleted a moment ago
    const json whole = to_json(hit);
    results.push_back({{"file_id", passage.document_id},
                       {"filename", document->source},
                       {"score", hit.score},
                       {"attributes", to_json(document->attributes)},
                       {"content", json::array({{{"type", "text"}, {"text", passage.text}}})},
                       {"start", whole["start"]},
                       {"end", whole["end"]},
                       {"page", whole["page"]},
                       {"heading_path", whole["heading_path"]}});
  }
  return results;
}

}  // namespace tandem
