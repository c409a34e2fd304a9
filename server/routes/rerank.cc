// POST /v1/rerank, in the shape that Cohere and Jina share
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "server/http_error.h"
#include "server/json_fields.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxDocuments = 1000;  // as Cohere's

std::vector<std::string> parse_documents(const Fields& body) {
  const json* const documents = body.array("documents", kMaxDocuments);
  if (documents == nullptr) body.fail("documents", "is missing.");
  if (documents->empty()) body.fail("documents", "must not be empty.");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < documents->size(); ++i) {
    const json& document = (*documents)[i];
    const std::string path = path_of_element(body.path_of("documents"), i);
    if (document.is_string()) {
      texts.push_back(document.get<std::string>());
    } else if (document.is_object()) {
      const Fields fields(document, path);
      const auto text = fields.text("text");
      if (!text) fields.fail("text", "is missing.");
      texts.push_back(*text);
    } else {
      throw RequestError(400,
                         fmt::format("'{}' must be a string or an object with a 'text', not {}.",
                                     path, describe_type(document)),
                         path);
    }
  }
  return texts;
}

void rerank(Exchange& exchange, const RouteContext& context) {
  const json body = exchange.json_body();
  const Fields fields(body);
  const auto release = context.engine.release();
  const Reranker* const reranker = release->reranker.get();
  if (reranker == nullptr) {
    throw RequestError(404, "This server was started without a reranker; start it with --reranker.",
                       "model", "model_not_found");
  }
  check_reranker_name(fields.text("model").value_or(""), *release);
  const auto query = fields.text("query");
  if (!query) fields.fail("query", "is missing.");
  if (query->empty()) fields.fail("query", "must not be empty.");
  const std::vector<std::string> documents = parse_documents(fields);
  const auto wanted = fields.integer("top_n", 1, INT64_MAX);
  const bool with_documents = fields.boolean("return_documents").value_or(false);

  const std::vector<TextPair> pairs = reranker->pairs(*query, documents);
  const std::vector<float> logits = reranker->score(pairs);
  std::vector<std::size_t> order(documents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (wanted && static_cast<std::size_t>(*wanted) < order.size()) {
    order.resize(static_cast<std::size_t>(*wanted));
  }
  json results = json::array();
  for (const std::size_t i : order) {
    json& result =
        results.emplace_back(json{{"index", i}, {"relevance_score", relevance(logits[i])}});
    if (with_documents) result["document"] = {{"text", documents[i]}};
  }
  std::size_t tokens = 0;
  for (const TextPair& pair : pairs) tokens += pair.tokens.size();
  exchange.send_json({{"object", "list"},
                      {"model", reranker->name()},
                      {"results", std::move(results)},
                      {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace

void add_rerank_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/rerank", kReadsCollections,
                   [&context](Exchange& exchange) { rerank(exchange, context); });
}

}  // namespace tandem
