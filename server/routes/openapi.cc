// GET /openapi.json
#include "server/openapi.h"

#include "server/routes/routes.h"

namespace tandem {

void add_openapi_routes(HttpServer& server) {
  server.add_route("GET", "/openapi.json", kForEverybody,
                   [text = openapi_document().dump()](Exchange& exchange) {
                     exchange.response().set_content(text, "application/json");
                   });
}

}  // namespace tandem
