#include "server/chat_request.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/answer_fields.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxChoices = 8;
constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 256;

ChatMessage parse_message(const Fields& fields) {
  ChatMessage message;
  message.role = parse_role(fields);
  for (const std::string& part : parse_content(fields, {"text"})) message.content += part;
  return message;
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
    for (std::size_t i = 0; i < value->size(); ++i) add((*value)[i], path_of_element("stop", i));
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
  refuse_unless("frequency_penalty", 0);
  refuse_unless("presence_penalty", 0);
  const json* functions = body.array("functions", SIZE_MAX);
  if (functions != nullptr && !functions->empty()) {
    body.fail("functions", "is not supported; leave it out.");
  }
}

void parse_generation(const Fields& body, GenerationOptions& options) {
  parse_sampling(body, options.sampling);
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

// Whoever says the same twice may; of two answers to one question neither is taken.
void check_agreement(const Fields& own, const FileSearch& tool) {
  const auto retrieve = own.boolean("retrieve");
  if (retrieve && *retrieve == tool.forbidden) {
    own.fail("retrieve", "contradicts 'tools' and 'tool_choice'; leave it out.");
  }
  if (!tool.is_used()) return;
  const json& said = tool.tools.front();
  const auto check = [&](const char* name, const json& value, std::string_view field) {
    const json* const given = own.find(name);
    if (given != nullptr && !value.is_null() && *given != value) {
      own.fail(name, fmt::format("contradicts '{}.{}'; leave it out.", tool.path, field));
    }
  };
  const auto& stores = tool.vector_stores;
  check("collection", stores.size() == 1 ? json(stores.front()) : json(stores), "vector_store_ids");
  check("top_k", said.at("max_num_results"), "max_num_results");
  check("filters", said.at("filters"), "filters");
}

// After the fields of Tandem's own, which the tool's go before.
void parse_tools(const Fields& body, ChatRequest& request) {
  FileSearch& tool = request.file_search;
  tool = parse_file_search(body, request.options.search);
  if (tool.forbidden) request.options.retrieve = false;
  const auto own = body.object("tandem");
  if (own && (tool.is_used() || tool.forbidden)) check_agreement(*own, tool);
}

}  // namespace

std::vector<ChatMessage> parse_messages(const Fields& body) {
  const json* array = body.array("messages", kMaxMessages);
  if (array == nullptr) body.fail("messages", "is missing.");
  if (array->empty()) body.fail("messages", "must hold at least one message.");
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < array->size(); ++i) {
    messages.push_back(parse_message(Fields((*array)[i], path_of_element("messages", i))));
  }
  return messages;
}

ChatRequest parse_chat_request(std::string_view text) {
  const json body = parse_json_object(text);
  const Fields fields(body);
  ChatRequest request;
  request.model = fields.text("model").value_or("");
  request.messages = parse_messages(fields);
  if (request.messages.back().role != "user") {
    fields.fail(path_of_element("messages", request.messages.size() - 1) + ".role",
                "must be 'user': the last message is the one to answer.");
  }
  request.stream = fields.boolean("stream").value_or(false);
  if (const auto stream_options = fields.object("stream_options")) {
    if (!request.stream) {
      fields.fail("stream_options", "is allowed only where 'stream' is true.");
    }
    request.include_usage = stream_options->boolean("include_usage").value_or(false);
  }
  request.store = fields.boolean("store").value_or(true);
  refuse_unsupported(fields);
  parse_generation(fields, request.options.generation);
  if (const auto format = fields.object("response_format")) {
    request.options.generation.json_schema = parse_text_format(*format, "json_schema", text);
  }
  if (const auto own = fields.object("tandem")) {
    parse_own_fields(*own, request.options);
    request.collection_given = own->find("collection") != nullptr;
  }
  parse_tools(fields, request);
  request.choices = static_cast<std::size_t>(fields.integer("n", 1, kMaxChoices).value_or(1));
  if (request.choices > 1 && request.options.each) {
    fields.fail("n",
                "must be 1 where 'tandem.answer_from' is 'each': of the answers from all "
                "passages the likeliest is given.");
  }
  return request;
}

}  // namespace tandem
