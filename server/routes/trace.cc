// GET /debug/trace/{id}
#include <fmt/format.h>

#include "server/http_error.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

void trace(Exchange& exchange, const RouteContext& context) {
  const std::string id = exchange.path_part(1);
  auto record = context.answers.find(id);
  if (!record) record = context.answers.find_request(id);
  if (!record || !may_see(exchange, *record)) {
    throw RequestError(
        404, fmt::format("There is no answer '{}'; it was not kept, or is no longer.", id), "id",
        "answer_not_found");
  }
  exchange.send_json(record->answer);
}

}  // namespace

void add_trace_routes(HttpServer& server, RouteContext& context) {
  server.add_route("GET", "/debug/trace/{id}", kReadsCollections,
                   [&context](Exchange& exchange) { trace(exchange, context); });
}

}  // namespace tandem
