// GET /health
#include "server/routes/routes.h"

namespace tandem {

void add_health_routes(HttpServer& server, RouteContext& context) {
  // The models are loaded before the port is bound: a server that answers is ready.
  server.add_route("GET", "/health", kForEverybody, [&context](Exchange& exchange) {
    const Engine& engine = context.engine;
    const auto release = engine.release();
    exchange.send_json({{"status", "ok"},
                        {"release", release->name},
                        {"generator", release->generator != nullptr},
                        {"read_only", engine.ingestor == nullptr},
                        {"feedback", context.answers.keeps()}});
  });
}

}  // namespace tandem
