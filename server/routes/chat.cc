// POST /v1/chat/completions
#include <ctime>

#include "server/answer_json.h"
#include "server/answer_run.h"
#include "server/chat_request.h"
#include "server/event_stream.h"
#include "server/http_error.h"
#include "server/record_file.h"
#include "server/routes/routes.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr char kMessages[] = "messages";  // the field that errors about their length name

// Of one request: its answers have a prompt in common.
json usage_json(std::span<const Answer> answers) {
  const int prompt = answers.front().generation.prompt_tokens;
  int completion = 0;
  for (const Answer& answer : answers) completion += answer.generation.completion_tokens;
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion}};
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
  json chunk(std::size_t index, json delta, json finish_reason, bool with_usage_field,
             json log_probabilities = nullptr) const {
    json chunk = object("chat.completion.chunk");
    chunk["choices"] = json::array({{{"index", index},
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
  if (request.file_search.is_used()) {
    keeping.collections = request.file_search.vector_stores;
  } else if (request.options.retrieve) {
    keeping.collections = {request.options.search.collection};
  }
  return keeping;
}

std::vector<Answer> answer(const Exchange& exchange, const ChatRequest& request,
                           const ServedRelease& release, const RouteContext& context,
                           const CompletionHead& head, const ChoiceSink& sink) {
  Retrieval retrieval = request.file_search.is_used()
                            ? retrieve(request.file_search, release, *context.engine.store,
                                       request.messages, request.options)
                            : release.answerer->retrieve(request.messages, request.options);
  const AnswerKeeping keeping = keeping_of(request, head, context);
  return AnswerRun(exchange, release, context.metrics, keeping, kMessages)
      .choices_from(request.messages, std::move(retrieval), request.options, request.choices, sink);
}

void answer_whole(Exchange& exchange, const ChatRequest& request, const ServedRelease& release,
                  const RouteContext& context) {
  const CompletionHead head = make_head(release);
  const std::vector<Answer> answers = answer(exchange, request, release, context, head, nullptr);
  if (is_cancelled(answers)) throw_client_left();
  json body = head.object("chat.completion");
  body["choices"] = json::array();
  for (const Answer& answer : answers) {
    json choice = {
        {"index", body["choices"].size()},
        {"message",
         {{"role", "assistant"}, {"content", answer.generation.text}, {"refusal", nullptr}}},
        {"logprobs", log_probabilities_json(answer.generation.log_probabilities, request, release)},
        {"finish_reason", to_string(answer.generation.finish_reason)}};
    if (answers.size() > 1) choice["citations"] = to_json(answer.citations);
    body["choices"].push_back(std::move(choice));
  }
  body["usage"] = usage_json(answers);
  body["citations"] = to_json(answers.front().citations);
  body["passages"] = to_json(answers.front().hits);
  exchange.send_json(body);
}

void send_last_chunks(EventStream& stream, const CompletionHead& head, const ChatRequest& request,
                      std::span<const Answer> answers) {
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Answer& answer = answers[i];
    json last = head.chunk(i, json::object(), to_string(answer.generation.finish_reason),
                           request.include_usage);
    last["citations"] = to_json(answer.citations);
    last["passages"] = to_json(answer.hits);
    stream.send(last);
  }
  if (request.include_usage) {
    json usage = head.object("chat.completion.chunk");
    usage["choices"] = json::array();
    usage["usage"] = usage_json(answers);
    stream.send(usage);
  }
  stream.send_done();
  stream.finish();
}

void answer_streamed(Exchange& exchange, const ChatRequest& request, const ServedRelease& release,
                     const RouteContext& context) {
  const CompletionHead head = make_head(release);
  EventStream stream(exchange);
  std::vector<bool> begun(request.choices);
  // Sent with the first text and not before, so that what goes wrong until then has its own status.
  const auto send_role = [&](std::size_t choice) {
    if (begun[choice]) return true;
    begun[choice] = true;
    return stream.send(head.chunk(choice, {{"role", "assistant"}, {"content", ""}}, nullptr,
                                  request.include_usage));
  };
  try {
    const std::vector<Answer> answers = answer(
        exchange, request, release, context, head, [&](std::size_t choice, const TextPiece& piece) {
          json log_probabilities =
              log_probabilities_json(piece.log_probabilities, request, release);
          return send_role(choice) &&
                 stream.send(head.chunk(choice, {{"content", piece.text}}, nullptr,
                                        request.include_usage, std::move(log_probabilities)));
        });
    if (is_cancelled(answers)) return stream.abandon();
    for (std::size_t i = 0; i < answers.size(); ++i) send_role(i);
    send_last_chunks(stream, head, request, answers);
  } catch (...) {
    if (!stream.started()) throw;
    // The status is long sent: clients find the error as an event, as OpenAI's do.
    const HttpError error = to_http_error(std::current_exception(), exchange.id());
    stream.send(json::parse(error_body(error)));
    stream.send_done();
    stream.finish();
  }
}

// A store without documents can still chat; what is asked for by name must exist.
void check_collections(const Exchange& exchange, ChatRequest& request, const ServedRelease& release,
                       const RouteContext& context) {
  AnswerOptions& options = request.options;
  options.search.who = exchange.caller().who;
  if (request.file_search.is_used()) {
    return check_file_search(exchange, context, request.file_search);
  }
  std::string& collection = options.search.collection;
  if (request.collection_given) return check_collection(exchange, context, collection);
  if (options.retrieve) collection = default_collection(exchange);
  const bool has_documents =
      release.index->size(collection) > 0 && context.vector_stores.is_served(collection);
  if (!has_documents) options.retrieve = false;
}

void complete(Exchange& exchange, RouteContext& context) {
  ChatRequest request = parse_chat_request(exchange.json_text());
  // From here to the last byte of the answer, whatever goes live meanwhile.
  const auto release = context.engine.release();
  check_generator_name(request.model, *release, *context.engine.store);
  exchange.response().set_header(kReleaseHeader, release->name);
  check_collections(exchange, request, *release, context);
  if (request.stream) {
    answer_streamed(exchange, request, *release, context);
  } else {
    answer_whole(exchange, request, *release, context);
  }
}

}  // namespace

void add_chat_routes(HttpServer& server, RouteContext& context) {
  server.add_route("POST", "/v1/chat/completions", kReadsCollections,
                   [&context](Exchange& exchange) { complete(exchange, context); });
}

}  // namespace tandem
