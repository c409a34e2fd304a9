// GET /v1/models, GET /v1/models/{id}
#include <fmt/format.h>

#include "server/http_error.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

json model_json(const std::string& name, std::string_view kind, const RouteContext& context) {
  return {{"id", name},
          {"object", "model"},
          {"created", context.started_at_unix_s},
          {"owned_by", "tandem"},
          {"kind", kind}};
}

json models_json(const RouteContext& context) {
  json models = json::array();
  const Engine& engine = context.engine;
  if (engine.generator)
    models.push_back(model_json(engine.generator->name(), "generator", context));
  models.push_back(model_json(engine.encoder->name(), "encoder", context));
  if (engine.reranker) models.push_back(model_json(engine.reranker->name(), "reranker", context));
  return models;
}

[[noreturn]] void throw_model_not_found(std::string_view given, const Engine& engine) {
  std::string names = fmt::format("'{}' (encoder)", engine.encoder->name());
  if (engine.generator) names += fmt::format(", '{}' (generator)", engine.generator->name());
  if (engine.reranker) names += fmt::format(", '{}' (reranker)", engine.reranker->name());
  throw RequestError(
      404, fmt::format("There is no model '{}' for this; this server has {}.", given, names),
      "model", "model_not_found");
}

}  // namespace

void check_model(std::string_view given, std::string_view expected, const Engine& engine) {
  if (!given.empty() && given != expected) throw_model_not_found(given, engine);
}

void add_model_routes(HttpServer& server, RouteContext& context) {
  server.add_route("GET", "/v1/models", [&context](Exchange& exchange) {
    exchange.send_json({{"object", "list"}, {"data", models_json(context)}});
  });
  server.add_route("GET", "/v1/models/{id}", [&context](Exchange& exchange) {
    const std::string id = exchange.path_part(1);
    for (const json& model : models_json(context)) {
      if (model["id"] == id) return exchange.send_json(model);
    }
    throw_model_not_found(id, context.engine);
  });
}

}  // namespace tandem
