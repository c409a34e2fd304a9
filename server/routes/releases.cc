// GET and POST /v1/releases, GET and DELETE /v1/releases/{id}, POST /v1/releases/{id}/promote, POST
// /v1/releases/rollback
#include "server/http_error.h"
#include "server/json_fields.h"
#include "server/release_json.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

json all_releases(const RouteContext& context) {
  json body = releases_json(*context.engine.store);
  const auto job = context.releases.job();
  body["job"] = job ? to_json(*job) : json(nullptr);
  return body;
}

void list(Exchange& exchange, const RouteContext& context) {
  const auto job = context.releases.job();
  if (job && job->status == ReleaseJob::Status::kRunning) ask_to_poll(exchange, kTrainingPollMs);
  exchange.send_json(all_releases(context));
}

void create(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const json body = exchange.json_body();
  const Fields fields(body);
  ReleaseModels models;
  models.encoder = fields.text("encoder").value_or("");
  models.generator = fields.text("generator").value_or("");
  if (models.encoder.empty() && models.generator.empty()) {
    fields.fail("encoder", "and 'generator' are missing; give the path of one or both.");
  }
  context.releases.create(models, fields.boolean("promote").value_or(false));
  exchange.send_json(all_releases(context), 202);
}

// Sends what there is after `change`.
template <typename Change>
void change(Exchange& exchange, const RouteContext& context, const Change& change) {
  check_writable(context);
  change();
  exchange.send_json(all_releases(context));
}

}  // namespace

void add_release_routes(HttpServer& server, RouteContext& context) {
  server.add_route("GET", "/v1/releases", kReadsServer,
                   [&context](Exchange& exchange) { list(exchange, context); });
  server.add_route("POST", "/v1/releases", kAdministers,
                   [&context](Exchange& exchange) { create(exchange, context); });
  server.add_route("POST", "/v1/releases/rollback", kAdministers, [&context](Exchange& exchange) {
    change(exchange, context, [&] { context.releases.rollback(); });
  });
  server.add_route(
      "POST", "/v1/releases/{id}/promote", kAdministers, [&context](Exchange& exchange) {
        change(exchange, context, [&] { context.releases.promote(exchange.path_part(1)); });
      });
  server.add_route("GET", "/v1/releases/{id}", kReadsServer, [&context](Exchange& exchange) {
    const Store& store = *context.engine.store;
    exchange.send_json(to_json(find_release(store, exchange.path_part(1)), store));
  });
  server.add_route("DELETE", "/v1/releases/{id}", kAdministers, [&context](Exchange& exchange) {
    change(exchange, context, [&] { context.releases.remove(exchange.path_part(1)); });
  });
}

}  // namespace tandem
