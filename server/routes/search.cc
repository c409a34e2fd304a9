// POST /v1/search
#include "server/answer_json.h"
#include "server/http_error.h"
#include "server/json_fields.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

constexpr std::int64_t kMaxHits = 1000;

void search(Exchange& exchange, const RouteContext& context) {
  const nlohmann::json body = exchange.json_body();
  const Fields fields(body);
  const auto query = fields.text("query");
  if (!query) fields.fail("query", "is missing.");
  SearchOptions options;
  const auto collection = fields.collection("collection");
  options.collection = collection ? *collection : default_collection(exchange);
  if (const auto limit = fields.integer("limit", 1, kMaxHits)) {
    options.limit = static_cast<std::size_t>(*limit);
  }
  check_collection(exchange, context, options.collection);
  options.filter = fields.filter("filters");
  options.who = exchange.caller().who;
  if (const auto mode = fields.choice("mode", search_modes())) options.mode = *mode;
  options.rerank = fields.reranked("rerank");
  if (const auto weight = fields.number("rerank_weight", 0, 1)) {
    options.rerank_weight = static_cast<float>(*weight);
  }
  const auto release = context.engine.release();
  exchange.response().set_header(kReleaseHeader, release->name);
  exchange.send_json({{"object", "list"},
                      {"collection", options.collection},
                      {"release", release->name},
                      {"data", to_json(release->retriever->search(*query, options))}});
}

}  // namespace

void add_search_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/search", kReadsCollections,
                   [&context](Exchange& exchange) { search(exchange, context); });
}

}  // namespace tandem
