// What requests may do to the server, as far as that is not a matter of the routes.
#include <fmt/format.h>

#include "server/http_error.h"
#include "server/routes/routes.h"

namespace tandem {

void check_writable(const RouteContext& context) {
  if (context.engine.ingestor == nullptr) {
    throw RequestError(403, "This server has its store open for reading only.", {}, "read_only");
  }
}

void check_may_change_models(const RouteContext& context) {
  if (!context.admin) {
    throw RequestError(403,
                       "Models cannot be changed or trained from here: this server can be reached "
                       "from other machines. Start it with --admin where that is wanted.",
                       {}, "admin_only");
  }
  check_writable(context);
}

void check_collection_served(const RouteContext& context, std::string_view collection) {
  if (context.vector_stores.is_served(collection)) return;
  throw RequestError(
      404,
      fmt::format("The collection '{}' was deleted or has expired as a vector store.", collection),
      {}, "collection_not_found");
}

}  // namespace tandem
