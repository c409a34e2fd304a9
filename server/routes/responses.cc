// POST /v1/responses; GET and DELETE /v1/responses/{id}; GET /v1/responses/{id}/input_items
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/log.h"
#include "server/answer_run.h"
#include "server/event_stream.h"
#include "server/http_error.h"
#include "server/list_page.h"
#include "server/record_file.h"
#include "server/responses/conversation.h"
#include "server/responses/events.h"
#include "server/responses/json.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr char kInput[] = "input";  // the field that errors about the conversation name
constexpr std::int64_t kDefaultItems = 20;
constexpr std::int64_t kMaxItems = 100;

// One response from its request to its record.
struct Turn {
  const Exchange& exchange;
  const RouteContext& context;
  const ServedRelease& release;
  const ResponseRequest& request;
  const Conversation& conversation;
  ResponseHead head;
  std::string message_id;
  AnswerKeeping keeping;

  AnswerRun run() const { return AnswerRun(exchange, release, context.metrics, keeping, kInput); }
};

json log_probabilities_json(const Turn& turn, std::span<const LogProbabilities> tokens) {
  return response_log_probabilities_json(tokens, *turn.release.generator);
}

Retrieval retrieve(const Turn& turn) {
  if (!turn.request.file_search.is_used()) return {};
  AnswerOptions options = turn.request.options;
  options.search.who = turn.exchange.caller().who;
  return retrieve(turn.request.file_search, turn.release, *turn.context.engine.store,
                  turn.conversation.prompt, std::move(options));
}

// The items before the message.
json search_items(const Turn& turn, const Retrieval& retrieval) {
  if (!turn.request.options.retrieve) return json::array();
  return json::array(
      {file_search_call_json(random_id("fs_"), "completed", retrieval.queries,
                             search_results_json(retrieval.hits, *turn.context.engine.store))});
}

std::string_view status_of(const Answer& answer) {
  return answer.generation.finish_reason == FinishReason::kLength ? "incomplete" : "completed";
}

json message_json(const Turn& turn, const Answer& answer) {
  json part = output_text_json(answer.generation.text,
                               annotations_json(answer.citations, *turn.context.engine.store),
                               log_probabilities_json(turn, answer.generation.log_probabilities));
  return output_message_json(turn.message_id, status_of(answer), json::array({std::move(part)}));
}

// An answer that is there is given, whether or not it can be kept.
void keep(Turn& turn, json& response, const Answer& answer) {
  if (!turn.head.store) return;
  ResponseRecord record{.response = response,
                        .input = turn.request.input,
                        .conversation = turn.conversation.kept,
                        .owner = turn.exchange.caller().owner};
  record.conversation.push_back({"assistant", answer.generation.text});
  try {
    turn.context.responses.add(record);
  } catch (const std::exception& error) {
    log_warning("the response {} is not kept: {}", turn.head.id, error.what());
    response["store"] = false;
  }
}

// `output` is that of search_items().
json finish(Turn& turn, json output, const Answer& answer) {
  output.push_back(message_json(turn, answer));
  json response = response_json(turn.head, turn.request, status_of(answer), std::move(output));
  response["usage"] = response_usage_json(answer.generation);
  keep(turn, response, answer);
  if (!turn.request.include_results) hide_results(response);
  return response;
}

void answer_whole(Exchange& exchange, Turn& turn) {
  Retrieval retrieval = retrieve(turn);
  json output = search_items(turn, retrieval);
  const Answer answer = turn.run().answer_from(turn.conversation.prompt, std::move(retrieval),
                                               turn.request.options, nullptr);
  if (answer.generation.finish_reason == FinishReason::kCancelled) throw_client_left();
  exchange.send_json(finish(turn, std::move(output), answer));
}

void send_opening(ResponseEvents& events, const Turn& turn, json output) {
  events.begin(response_json(turn.head, turn.request, "in_progress", json::array()));
  for (json& call : output) {
    if (!turn.request.include_results) call["results"] = nullptr;
    events.file_search(call);
  }
  events.begin_message(output_message_json(turn.message_id, "in_progress", json::array()));
}

void answer_streamed(Exchange& exchange, Turn& turn) {
  EventStream stream(exchange);
  ResponseEvents events(stream);
  Retrieval retrieval = retrieve(turn);
  json output = search_items(turn, retrieval);
  // Sent with the first text and not before, so that what goes wrong until then has its own status.
  const auto open = [&] {
    if (!stream.started()) send_opening(events, turn, output);
  };
  try {
    const Answer answer = turn.run().answer_from(
        turn.conversation.prompt, std::move(retrieval), turn.request.options,
        [&](const TextPiece& piece) {
          open();
          return events.delta(piece.text, log_probabilities_json(turn, piece.log_probabilities));
        });
    if (answer.generation.finish_reason == FinishReason::kCancelled) return stream.abandon();
    open();
    const json response = finish(turn, std::move(output), answer);
    events.end_message(response["output"].back());
    events.end(response);
  } catch (...) {
    if (!stream.started()) throw;
    const HttpError error = to_http_error(std::current_exception(), exchange.id());
    json response = response_json(turn.head, turn.request, "failed", json::array());
    response["error"] = response_error_json(error);
    events.end(response);
  }
  stream.finish();
}

std::optional<ResponseRecord> find_record(const Exchange& exchange, const RouteContext& context,
                                          std::string_view id) {
  auto record = context.responses.find(id);
  if (record && !exchange.caller().may_see(record->owner)) record.reset();
  return record;
}

std::vector<ChatMessage> conversation_before(const Exchange& exchange,
                                             const ResponseRequest& request,
                                             const RouteContext& context) {
  if (request.previous_response_id.empty()) return {};
  auto record = find_record(exchange, context, request.previous_response_id);
  if (record) return std::move(record->conversation);
  throw RequestError(400,
                     fmt::format("There is no response '{}'; it was not kept, or is no longer.",
                                 request.previous_response_id),
                     "previous_response_id", "previous_response_not_found");
}

void create(Exchange& exchange, const RouteContext& context) {
  const ResponseRequest request = parse_response_request(exchange.json_text());
  // From here to the last byte of the answer, whatever goes live meanwhile.
  const auto release = context.engine.release();
  check_generator_name(request.model, *release, *context.engine.store);
  exchange.response().set_header(kReleaseHeader, release->name);
  check_file_search(exchange, context, request.file_search);
  const Conversation conversation = make_conversation(
      request, conversation_before(exchange, request, context), *release->generator);
  const bool read_only = context.engine.ingestor == nullptr;
  Turn turn{.exchange = exchange,
            .context = context,
            .release = *release,
            .request = request,
            .conversation = conversation,
            .head = {.id = random_id("resp_"),
                     .created_at_unix_s = std::time(nullptr),
                     .model = release->generator->name(),
                     .release = release->name,
                     .store = request.store && !read_only},
            .message_id = random_id("msg_"),
            .keeping = {}};
  if (turn.head.store) turn.keeping = {&context.answers, turn.head.id, {}};
  if (request.file_search.is_used()) {
    turn.keeping.collections = request.file_search.vector_stores;
  }
  if (request.stream) {
    answer_streamed(exchange, turn);
  } else {
    answer_whole(exchange, turn);
  }
}

[[noreturn]] void throw_not_found(std::string_view id) {
  throw RequestError(404, fmt::format("There is no response '{}'.", id), "id",
                     "response_not_found");
}

ResponseRecord record_of(const Exchange& exchange, const RouteContext& context) {
  const std::string id = exchange.path_part(1);
  auto record = find_record(exchange, context, id);
  if (!record) throw_not_found(id);
  return *std::move(record);
}

void retrieve_one(Exchange& exchange, const RouteContext& context) {
  if (exchange.query("stream") == "true") {
    throw RequestError(400, "A response that is kept is not streamed again; leave it out.",
                       "stream");
  }
  ResponseRecord record = record_of(exchange, context);
  bool with_results = false;
  for (const auto& [name, value] : exchange.request().params) {
    if (name == "include[]" || name == "include") {
      with_results = with_results || value == "file_search_call.results";
    }
  }
  if (!with_results) hide_results(record.response);
  exchange.send_json(record.response);
}

void list_input(Exchange& exchange, const RouteContext& context) {
  const bool ascending = is_ascending(exchange);
  const ResponseRecord record = record_of(exchange, context);
  std::vector<json> items(record.input.begin(), record.input.end());
  if (!ascending) std::reverse(items.begin(), items.end());
  exchange.send_json(list_page(exchange, std::move(items), kDefaultItems, kMaxItems));
}

void remove(Exchange& exchange, const RouteContext& context) {
  check_writable(context);
  const std::string id = exchange.path_part(1);
  if (!find_record(exchange, context, id) || !context.responses.remove(id)) throw_not_found(id);
  exchange.send_json({{"id", id}, {"object", "response"}, {"deleted", true}});
}

}  // namespace

void add_response_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/responses", kReadsCollections,
                   [&context](Exchange& exchange) { create(exchange, context); });
  server.add_route("GET", "/v1/responses/{id}/input_items", kReadsCollections,
                   [&context](Exchange& exchange) { list_input(exchange, context); });
  server.add_route("GET", "/v1/responses/{id}", kReadsCollections,
                   [&context](Exchange& exchange) { retrieve_one(exchange, context); });
  server.add_route("DELETE", "/v1/responses/{id}", kWritesCollections,
                   [&context](Exchange& exchange) { remove(exchange, context); });
}

}  // namespace tandem
