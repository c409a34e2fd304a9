// POST /v1/chat/completions
#include <ctime>

#include "server/answer_json.h"
#include "server/answer_run.h"
#include "server/chat_request.h"
#include "server/event_stream.h"
#include "server/http_error.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr char kMessages[] = "messages";  // the field that errors about their length name

json usage_json(const GenerationResult& generation) {
  return {{"prompt_tokens", generation.prompt_tokens},
          {"completion_tokens", generation.completion_tokens},
          {"total_tokens", generation.prompt_tokens + generation.completion_tokens}};
}

// What is the same in every object of one completion.
struct CompletionHead {
  std::string id;
  std::time_t created = 0;
  std::string model;
  std::string release;

  json object(std::string_view kind) const {
    return {
        {"id", id}, {"object", kind}, {"created", created}, {"model", model}, {"release", release}};
  }
  // A chunk with one choice.
  json chunk(json delta, json finish_reason, bool with_usage_field,
             json log_probabilities = nullptr) const {
    json chunk = object("chat.completion.chunk");
    chunk["choices"] = json::array({{{"index", 0},
                                     {"delta", std::move(delta)},
                                     {"logprobs", std::move(log_probabilities)},
                                     {"finish_reason", std::move(finish_reason)}}});
    if (with_usage_field) chunk["usage"] = nullptr;
    return chunk;
  }
};

CompletionHead make_head(const ServedRelease& release) {
  return {random_id("chatcmpl-"), std::time(nullptr), release.generator->name(), release.name};
}

// Null unless they were asked for.
json log_probabilities_json(std::span<const LogProbabilities> tokens, const ChatRequest& request,
                            const ServedRelease& release) {
  if (!request.options.generation.top_log_probabilities) return nullptr;
  return to_json(tokens, *release.generator);
}

AnswerKeeping keeping_of(const ChatRequest& request, const CompletionHead& head,
                         const RouteContext& context) {
  AnswerKeeping keeping;
  if (!request.store) return keeping;
  keeping.records = &context.answers;
  keeping.id = head.id;
  if (request.options.retrieve) keeping.collections = {request.options.search.collection};
  return keeping;
}

void answer_whole(Exchange& exchange, const ChatRequest& request, const ServedRelease& release,
                  const RouteContext& context) {
  const CompletionHead head = make_head(release);
  const AnswerKeeping keeping = keeping_of(request, head, context);
  const Answer answer = AnswerRun(exchange, release, context.metrics, keeping, kMessages)
                            .answer(request.messages, request.options, nullptr);
  if (answer.generation.finish_reason == FinishReason::kCancelled) throw_client_left();
  json body = head.object("chat.completion");
  body["choices"] = json::array(
      {{{"index", 0},
        {"message",
         {{"role", "assistant"}, {"content", answer.generation.text}, {"refusal", nullptr}}},
        {"logprobs", log_probabilities_json(answer.generation.log_probabilities, request, release)},
        {"finish_reason", to_string(answer.generation.finish_reason)}}});
  body["usage"] = usage_json(answer.generation);
  body["citations"] = to_json(answer.citations);
  body["passages"] = to_json(answer.hits);
  exchange.send_json(body);
}

void send_last_chunks(EventStream& stream, const CompletionHead& head, const ChatRequest& request,
                      const Answer& answer) {
  json last =
      head.chunk(json::object(), to_string(answer.generation.finish_reason), request.include_usage);
  last["citations"] = to_json(answer.citations);
  last["passages"] = to_json(answer.hits);
  stream.send(last);
  if (request.include_usage) {
    json usage = head.object("chat.completion.chunk");
    usage["choices"] = json::array();
    usage["usage"] = usage_json(answer.generation);
    stream.send(usage);
  }
  stream.send_done();
  stream.finish();
}

void answer_streamed(Exchange& exchange, const ChatRequest& request, const ServedRelease& release,
                     const RouteContext& context) {
  const CompletionHead head = make_head(release);
  const AnswerKeeping keeping = keeping_of(request, head, context);
  EventStream stream(exchange);
  // Sent with the first text and not before, so that what goes wrong until then has its own status.
  const auto send_role = [&] {
    return stream.started() || stream.send(head.chunk({{"role", "assistant"}, {"content", ""}},
                                                      nullptr, request.include_usage));
  };
  try {
    AnswerRun run(exchange, release, context.metrics, keeping, kMessages);
    const Answer answer =
        run.answer(request.messages, request.options, [&](const TextPiece& piece) {
          json log_probabilities =
              log_probabilities_json(piece.log_probabilities, request, release);
          return send_role() &&
                 stream.send(head.chunk({{"content", piece.text}}, nullptr, request.include_usage,
                                        std::move(log_probabilities)));
        });
    if (answer.generation.finish_reason == FinishReason::kCancelled) return stream.abandon();
    send_role();
    send_last_chunks(stream, head, request, answer);
  } catch (...) {
    if (!stream.started()) throw;
    // The status is long sent: clients find the error as an event, as OpenAI's do.
    const HttpError error = to_http_error(std::current_exception(), exchange.id());
    stream.send(json::parse(error_body(error)));
    stream.send_done();
    stream.finish();
  }
}

void complete(Exchange& exchange, RouteContext& context) {
  ChatRequest request = parse_chat_request(exchange.json_text());
  // From here to the last byte of the answer, whatever goes live meanwhile.
  const auto release = context.engine.release();
  check_generator_name(request.model, *release, *context.engine.store);
  exchange.response().set_header(kReleaseHeader, release->name);
  // A store without documents can still chat; a collection asked for by name must exist.
  const AnswerOptions& options = request.options;
  if (request.collection_given) check_collection_served(context, options.search.collection);
  const bool has_documents = release->index->size(options.search.collection) > 0 &&
                             context.vector_stores.is_served(options.search.collection);
  if (!request.collection_given && !has_documents) request.options.retrieve = false;
  if (request.stream) {
    answer_streamed(exchange, request, *release, context);
  } else {
    answer_whole(exchange, request, *release, context);
  }
}

}  // namespace

void add_chat_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/chat/completions",
                   [&context](Exchange& exchange) { complete(exchange, context); });
}

}  // namespace tandem
