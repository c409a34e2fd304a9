// GET /metrics
#include "server/metrics.h"

#include "server/routes/routes.h"

namespace tandem {

void add_metrics_routes(HttpServer& server, RouteContext& context) {
  server.add_route("GET", "/metrics", kReadsServer, [&context](Exchange& exchange) {
    const Engine& engine = context.engine;
    exchange.response().set_content(context.metrics.serialize(*engine.store, *engine.release()),
                                    "text/plain; version=0.0.4; charset=utf-8");
  });
}

}  // namespace tandem
