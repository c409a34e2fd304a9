// POST and GET /v1/feedback, GET /v1/feedback/export, GET and DELETE /v1/feedback/{id}
#include <fmt/format.h>

#include <utility>

#include "server/answers/request.h"
#include "server/answers/training_lines.h"
#include "server/http_error.h"
#include "server/list_page.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

// The value of a query parameter that names one of `choices`.
template <class Value>
Value choice(const Exchange& exchange, const std::string& name,
             const std::map<std::string, Value>& choices, const std::string& fallback) {
  const auto found = choices.find(exchange.query(name, fallback));
  if (found != choices.end()) return found->second;
  std::vector<std::string> known;
  known.reserve(choices.size());
  for (const auto& [word, value] : choices) known.push_back(word);
  throw RequestError(400, fmt::format("'{}' must be one of: {}.", name, fmt::join(known, ", ")),
                     name);
}

AnswerRecord found(const Exchange& exchange, std::optional<AnswerRecord> record,
                   const std::string& id) {
  if (record && may_see(exchange, *record)) return *std::move(record);
  throw RequestError(404,
                     fmt::format("There is no answer '{}'; it was not kept, or is no longer.", id),
                     "answer_id", "answer_not_found");
}

void give(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const FeedbackRequest request = parse_feedback_request(exchange.json_body());
  found(exchange, context.answers.find(request.answer_id), request.answer_id);
  const auto change = [&](AnswerRecord& record) { apply(request, record); };
  exchange.send_json(feedback_json(found(
      exchange, context.answers.change_feedback(request.answer_id, change), request.answer_id)));
}

void list(Exchange& exchange, const RouteContext& context) {
  const auto which = choice<Review>(
      exchange, "status",
      {{"reviewed", Review::kReviewed}, {"unreviewed", Review::kUnreviewed}, {"all", Review::kAll}},
      "reviewed");
  std::vector<ListPlace> places;
  for (RecordPlace& place : context.answers.places(which)) {
    places.push_back({0, place.sequence, std::move(place.id)});
  }
  const PlacesPage page = page_of_places(
      exchange, std::move(places), [&](std::string_view id) -> std::optional<ListPlace> {
        auto place = context.answers.place(id);
        if (!place) return std::nullopt;
        return ListPlace{0, place->sequence, std::move(place->id)};
      });
  json data = json::array();
  for (const ListPlace& place : page.places) {
    // One that is gone since, or damaged, is left out.
    if (const auto record = context.answers.find(place.id)) data.push_back(feedback_json(*record));
  }
  exchange.send_json(list_json(std::move(data), page.has_more));
}

void send_lines(Exchange& exchange, const RouteContext& context) {
  TrainingLinesOptions options;
  options.kind = choice(exchange, "kind", training_kinds(), "questions");
  options.collection = exchange.query("collection", kDefaultCollection);
  options.conversations =
      choice<bool>(exchange, "conversations", {{"true", true}, {"false", false}}, "false");
  check_collection(exchange, context, options.collection);
  // Not "application/jsonl", which nobody registered; nor has anyone this one, but clients know it.
  exchange.response().set_content(
      training_lines(context.answers, *context.engine.store, options).text, "application/x-ndjson");
}

void retrieve(Exchange& exchange, const RouteContext& context) {
  const std::string id = exchange.path_part(1);
  exchange.send_json(feedback_json(found(exchange, context.answers.find(id), id)));
}

void remove(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const std::string id = exchange.path_part(1);
  const auto record = context.answers.find(id);
  if (!record || !may_see(exchange, *record) || !context.answers.remove_feedback(id)) {
    throw RequestError(404, fmt::format("There is no feedback on an answer '{}'.", id), "answer_id",
                       "feedback_not_found");
  }
  exchange.send_json({{"id", id}, {"object", "feedback"}, {"deleted", true}});
}

}  // namespace

void add_feedback_routes(HttpServer& server, RouteContext& context) {
  const std::string feedback = "/v1/feedback";
  server.add_route("POST", feedback, kReadsCollections,
                   [&context](Exchange& exchange) { give(exchange, context); });
  server.add_route("GET", feedback, kReadsServer,
                   [&context](Exchange& exchange) { list(exchange, context); });
  server.add_route("GET", feedback + "/export", kReadsServer,
                   [&context](Exchange& exchange) { send_lines(exchange, context); });
  server.add_route("GET", feedback + "/{id}", kReadsCollections,
                   [&context](Exchange& exchange) { retrieve(exchange, context); });
  server.add_route("DELETE", feedback + "/{id}", kWritesCollections,
                   [&context](Exchange& exchange) { remove(exchange, context); });
}

}  // namespace tandem
