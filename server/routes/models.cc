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

json models_json(const ServedRelease& release, const RouteContext& context) {
  json models = json::array();
  if (release.generator)
    models.push_back(model_json(release.generator->name(), "generator", context));
  models.push_back(model_json(release.encoder->name(), "encoder", context));
  if (release.reranker) models.push_back(model_json(release.reranker->name(), "reranker", context));
  return models;
}

[[noreturn]] void throw_model_not_found(std::string_view given, const ServedRelease& release) {
  std::string names = fmt::format("'{}' (encoder)", release.encoder->name());
  if (release.generator) names += fmt::format(", '{}' (generator)", release.generator->name());
  if (release.reranker) names += fmt::format(", '{}' (reranker)", release.reranker->name());
  throw RequestError(
      404, fmt::format("There is no model '{}' for this; this server has {}.", given, names),
      "model", "model_not_found");
}

}  // namespace

void check_encoder_name(std::string_view given, const ServedRelease& release) {
  if (!given.empty() && given != release.encoder->name()) throw_model_not_found(given, release);
}

void check_reranker_name(std::string_view given, const ServedRelease& release) {
  if (!given.empty() && given != release.reranker->name()) throw_model_not_found(given, release);
}

void check_generator_name(std::string_view given, const ServedRelease& release,
                          const Store& store) {
  if (release.generator == nullptr) {
    throw RequestError(404,
                       "This server was started without a generator; start it with --generator.",
                       "model", "model_not_found");
  }
  if (given.empty() || given == "tandem" || given == release.name ||
      given == release.generator->name()) {
    return;
  }
  for (const Release& known : store.releases()) {
    if (given == std::filesystem::path(known.generator_path).stem().string()) return;
  }
  throw_model_not_found(given, release);
}

void add_model_routes(HttpServer& server, RouteContext& context) {
  server.add_route("GET", "/v1/models", kReadsCollections, [&context](Exchange& exchange) {
    exchange.send_json(
        {{"object", "list"}, {"data", models_json(*context.engine.release(), context)}});
  });
  server.add_route("GET", "/v1/models/{id}", kReadsCollections, [&context](Exchange& exchange) {
    const std::string id = exchange.path_part(1);
    const auto release = context.engine.release();
    for (const json& model : models_json(*release, context)) {
      if (model["id"] == id) return exchange.send_json(model);
    }
    throw_model_not_found(id, *release);
  });
}

}  // namespace tandem
