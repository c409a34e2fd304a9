#include "server/chat_request.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>

#include "server/http_error.h"
#include "server/json_fields.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxMessages = 1000;
constexpr std::size_t kMaxContentParts = 100;
constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 256;
constexpr std::int64_t kMaxTokens = 1'000'000;  // the generator cuts it to its context
constexpr std::int64_t kMaxPromptPassages = 50;

std::string element(std::string_view array, std::size_t i) {
  return fmt::format("{}[{}]", array, i);
}

// Parts of type "text", joined as they are.
std::string parse_content_parts(const Fields& message) {
  std::string content;
  const json& parts = *message.array("content", kMaxContentParts);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Fields part(parts[i], element(message.path_of("content"), i));
    const std::string type = part.text("type").value_or("");
    if (type != "text") {
      part.fail("type", fmt::format("must be 'text', the only kind of content this server reads."));
    }
    const auto text = part.text("text");
    if (!text) part.fail("text", "is missing.");
    content += *text;
  }
  return content;
}

ChatMessage parse_message(const Fields& fields) {
  ChatMessage message;
  const auto role = fields.text("role");
  if (!role) fields.fail("role", "is missing.");
  // OpenAI's newer name of the same thing.
  message.role = *role == "developer" ? "system" : *role;
  if (message.role != "system" && message.role != "user" && message.role != "assistant") {
    fields.fail("role", "must be one of 'system', 'developer', 'user' or 'assistant'.");
  }
  const json* content = fields.find("content");
  if (content == nullptr) fields.fail("content", "is missing.");
  if (content->is_array()) {
    message.content = parse_content_parts(fields);
  } else if (content->is_string()) {
    message.content = content->get<std::string>();
  } else {
    fields.fail("content", fmt::format("must be a string or an array of text parts, not {}.",
                                       describe_type(*content)));
  }
  return message;
}

std::vector<ChatMessage> parse_messages(const Fields& body) {
  const json* array = body.array("messages", kMaxMessages);
  if (array == nullptr) body.fail("messages", "is missing.");
  if (array->empty()) body.fail("messages", "must hold at least one message.");
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < array->size(); ++i) {
    messages.push_back(parse_message(Fields((*array)[i], element("messages", i))));
  }
  if (messages.back().role != "user") {
    body.fail(element("messages", messages.size() - 1) + ".role",
              "must be 'user': the last message is the one to answer.");
  }
  return messages;
}

std::vector<std::string> parse_stops(const Fields& body) {
  const json* value = body.find("stop");
  if (value == nullptr) return {};
  std::vector<std::string> stops;
  const auto add = [&](const json& stop, const std::string& name) {
    if (!stop.is_string()) {
      body.fail(name, fmt::format("must be a string, not {}.", describe_type(stop)));
    }
    const auto& text = stop.get_ref<const std::string&>();
    if (text.empty() || text.size() > kMaxStopBytes) {
      body.fail(name, fmt::format("must have from 1 to {} bytes.", kMaxStopBytes));
    }
    stops.push_back(text);
  };
  if (value->is_string()) {
    add(*value, "stop");
  } else if (value->is_array()) {
    body.array("stop", kMaxStops);
    for (std::size_t i = 0; i < value->size(); ++i) add((*value)[i], element("stop", i));
  } else {
    body.fail("stop", fmt::format("must be a string or an array of strings, not {}.",
                                  describe_type(*value)));
  }
  return stops;
}

void refuse_unsupported(const Fields& body) {
  const auto refuse_unless = [&](std::string_view name, double neutral) {
    const auto value = body.number(name, -1e9, 1e9);
    if (value && *value != neutral) {
      body.fail(name, fmt::format("is not supported; leave it out or set it to {}.", neutral));
    }
  };
  refuse_unless("n", 1);
  refuse_unless("frequency_penalty", 0);
  refuse_unless("presence_penalty", 0);
  for (const char* name : {"tools", "functions"}) {
    const json* value = body.array(name, SIZE_MAX);
    if (value != nullptr && !value->empty()) body.fail(name, "is not supported; leave it out.");
  }
}

// `text` is the whole body: what was parsed has the properties of a schema in another order, and
// they are generated in the schema's.
std::optional<std::string> parse_response_format(const Fields& body, std::string_view text) {
  const auto format = body.object("response_format");
  if (!format) return std::nullopt;
  const std::string type = format->text("type").value_or("text");
  if (type == "text") return std::nullopt;
  if (type == "json_object") return "";
  if (type != "json_schema")
    format->fail("type", "must be 'text', 'json_object' or 'json_schema'.");
  const auto named = format->object("json_schema");
  if (!named) format->fail("json_schema", "is missing.");
  if (named->find("schema") == nullptr) named->fail("schema", "is missing.");
  const auto ordered = nlohmann::ordered_json::parse(text);
  const nlohmann::ordered_json::json_pointer place("/response_format/json_schema/schema");
  // Of a field that stands twice, the other parser took the last.
  if (!ordered.contains(place)) body.fail("response_format", "is there more than once.");
  return ordered.at(place).dump();
}

void parse_generation(const Fields& body, GenerationOptions& options) {
  SamplingOptions& sampling = options.sampling;
  if (const auto value = body.number("temperature", 0, 2)) {
    sampling.temperature = static_cast<float>(*value);
  }
  if (const auto value = body.number("top_p", 0, 1)) {
    // The nucleus of nothing is the most likely token alone.
    if (*value > 0) sampling.top_p = static_cast<float>(*value);
    if (static_cast<float>(*value) <= 0) sampling.temperature = 0;
  }
  if (const auto value = body.integer("seed", INT64_MIN, INT64_MAX)) {
    sampling.seed = static_cast<std::uint64_t>(*value);
  } else {
    std::random_device source;
    sampling.seed = (static_cast<std::uint64_t>(source()) << 32) | source();
  }
  // The newer name wins, as with OpenAI.
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    if (const auto value = body.integer(name, 1, kMaxTokens)) {
      options.max_tokens = static_cast<int>(*value);
    }
  }
  options.stop = parse_stops(body);
  const auto top_count = body.integer("top_logprobs", 0, kMaxTopLogProbabilities);
  if (body.boolean("logprobs").value_or(false)) {
    options.top_log_probabilities = static_cast<int>(top_count.value_or(0));
  } else if (top_count) {
    body.fail("top_logprobs", "is allowed only where 'logprobs' is true.");
  }
}

void parse_tandem(const Fields& tandem, ChatRequest& request) {
  AnswerOptions& options = request.options;
  if (const auto value = tandem.collection("collection")) {
    options.search.collection = *value;
    request.collection_given = true;
  }
  if (const auto value = tandem.integer("top_k", 1, kMaxPromptPassages)) {
    options.search.limit = static_cast<std::size_t>(*value);
  }
  options.search.filter = tandem.filter("filters");
  if (const auto value = tandem.choice("mode", search_modes())) options.search.mode = *value;
  options.search.rerank = tandem.reranked("rerank");
  if (const auto weight = tandem.number("rerank_weight", 0, 1)) {
    options.search.rerank_weight = static_cast<float>(*weight);
  }
  if (const auto value = tandem.boolean("retrieve")) options.retrieve = *value;
  const std::map<std::string, bool> answers_from = {{"all", false}, {"each", true}};
  if (const auto value = tandem.choice("answer_from", answers_from)) options.each = *value;
  SamplingOptions& sampling = options.generation.sampling;
  if (const auto value = tandem.number("repetition_penalty", 0.1, 10)) {
    sampling.repetition_penalty = static_cast<float>(*value);
  }
  if (const auto value = tandem.integer("top_k_sampling", 0, 1'000'000)) {
    sampling.top_k = static_cast<int>(*value);
  }
}

}  // namespace

ChatRequest parse_chat_request(std::string_view text) {
  const json body = parse_json_object(text);
  const Fields fields(body);
  ChatRequest request;
  request.model = fields.text("model").value_or("");
  request.messages = parse_messages(fields);
  request.stream = fields.boolean("stream").value_or(false);
  if (const auto stream_options = fields.object("stream_options")) {
    if (!request.stream) {
      fields.fail("stream_options", "is allowed only where 'stream' is true.");
    }
    request.include_usage = stream_options->boolean("include_usage").value_or(false);
  }
  refuse_unsupported(fields);
  parse_generation(fields, request.options.generation);
  request.options.generation.json_schema = parse_response_format(fields, text);
  if (const auto tandem = fields.object("tandem")) parse_tandem(*tandem, request);
  return request;
}

}  // namespace tandem
