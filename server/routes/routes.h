// The routes: one file for each resource, each with one function that adds its handlers.
//
// A handler validates, calls one part of the engine and shapes the answer; what a request means is
// decided in the rooms below.
#ifndef TANDEM_SERVER_ROUTES_ROUTES_H_
#define TANDEM_SERVER_ROUTES_ROUTES_H_

#include <cstdint>
#include <string_view>

#include "server/engine.h"
#include "server/http_server.h"
#include "server/metrics.h"

namespace tandem {

// What handlers work with; outlives the server.
struct RouteContext {
  Engine& engine;
  Metrics& metrics;
  std::int64_t started_at_unix_s = 0;
};

void add_chat_routes(HttpServer& server, RouteContext& context);
void add_embedding_routes(HttpServer& server, RouteContext& context);
void add_model_routes(HttpServer& server, RouteContext& context);
void add_search_routes(HttpServer& server, RouteContext& context);
void add_rerank_routes(HttpServer& server, RouteContext& context);
void add_document_routes(HttpServer& server, RouteContext& context);
void add_health_routes(HttpServer& server, RouteContext& context);
void add_metrics_routes(HttpServer& server, RouteContext& context);
void add_page_routes(HttpServer& server);

// Throws RequestError (404, "model_not_found") naming the models there are unless `given` is empty
// or `expected`.
void check_model(std::string_view given, std::string_view expected, const Engine& engine);

}  // namespace tandem

#endif  // TANDEM_SERVER_ROUTES_ROUTES_H_
