#include "server/responses/request.h"

#include <fmt/format.h>

#include <utility>

#include "server/answer_fields.h"
#include "server/json_fields.h"
#include "server/responses/input.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxIncludes = 16;
constexpr std::size_t kMaxIdentifierBytes = 512;

void refuse_unsupported(const Fields& body) {
  for (const char* name : {"conversation", "prompt", "moderation", "access_programs"}) {
    if (body.find(name) != nullptr) body.fail(name, "is not supported; leave it out.");
  }
  if (body.boolean("background").value_or(false)) {
    body.fail("background", "is not supported; leave it out or set it to false.");
  }
  const json* const management = body.array("context_management", SIZE_MAX);
  if (management != nullptr && !management->empty()) {
    body.fail("context_management", "is not supported; set 'truncation' to 'auto' instead.");
  }
  if (const auto reasoning = body.object("reasoning")) {
    if (reasoning->text("effort").value_or("none") != "none") {
      reasoning->fail("effort", "is not supported: the models of this server do not reason.");
    }
  }
  body.integer("max_tool_calls", 1, kMaxTokens);  // there is never more than one
}

void parse_tools(const Fields& body, ResponseRequest& request) {
  request.file_search = parse_file_search(body, request.options.search);
  request.options.retrieve = request.file_search.is_used();
  request.repeated["tools"] = request.file_search.tools;
  request.repeated["tool_choice"] = request.file_search.choice;
}

void parse_include(const Fields& body, ResponseRequest& request) {
  bool log_probabilities = false;
  if (const json* const include = body.array("include", kMaxIncludes)) {
    for (std::size_t i = 0; i < include->size(); ++i) {
      if ((*include)[i] == "file_search_call.results") {
        request.include_results = true;
      } else if ((*include)[i] == "message.output_text.logprobs") {
        log_probabilities = true;
      } else {
        body.fail(path_of_element("include", i),
                  "must be 'file_search_call.results' or 'message.output_text.logprobs'.");
      }
    }
  }
  const auto top = body.integer("top_logprobs", 0, kMaxTopLogProbabilities).value_or(0);
  if (top > 0 && !log_probabilities) {
    body.fail("top_logprobs",
              "is allowed only where 'include' has 'message.output_text.logprobs'.");
  }
  if (log_probabilities) {
    request.options.generation.top_log_probabilities = static_cast<int>(top);
  }
  request.repeated["top_logprobs"] = top;
}

void parse_text(const Fields& body, std::string_view text, ResponseRequest& request) {
  json format = {{"type", "text"}};
  if (const auto settings = body.object("text")) {
    if (settings->text("verbosity").value_or("medium") != "medium") {
      settings->fail("verbosity", "is not supported; leave it out or set it to 'medium'.");
    }
    if (const auto given = settings->object("format")) {
      request.options.generation.json_schema = parse_text_format(*given, "", text);
      format = *settings->find("format");
    }
  }
  request.repeated["text"] = {{"format", std::move(format)}, {"verbosity", "medium"}};
}

// Fields of "tandem" that the tool has here.
void parse_own(const Fields& body, AnswerOptions& options) {
  const auto own = body.object("tandem");
  if (!own) return;
  for (const char* name : {"collection", "filters", "retrieve"}) {
    if (own->find(name) != nullptr) {
      own->fail(name, "is not for responses: give a tool 'file_search' what is to be searched.");
    }
  }
  parse_own_fields(*own, options);
}

void parse_generation(const Fields& body, ResponseRequest& request) {
  GenerationOptions& generation = request.options.generation;
  parse_sampling(body, generation.sampling);
  const auto most = body.integer("max_output_tokens", 1, kMaxTokens);
  if (most) generation.max_tokens = static_cast<int>(*most);
  request.repeated["max_output_tokens"] = most ? json(*most) : json();
  request.repeated["temperature"] = body.number("temperature", 0, 2).value_or(0);
  request.repeated["top_p"] = body.number("top_p", 0, 1).value_or(1);
}

void parse_identifiers(const Fields& body, ResponseRequest& request) {
  for (const char* name : {"user", "safety_identifier", "prompt_cache_key"}) {
    const auto value = body.text(name);
    if (value && value->size() > kMaxIdentifierBytes) {
      body.fail(name, fmt::format("has more than {} bytes.", kMaxIdentifierBytes));
    }
    request.repeated[name] = value ? json(*value) : json();
  }
}

}  // namespace

ResponseRequest parse_response_request(std::string_view text) {
  const json body = parse_json_object(text);
  const Fields fields(body);
  ResponseRequest request;
  request.model = fields.text("model").value_or("");
  refuse_unsupported(fields);
  request.input = parse_input(fields);
  request.instructions = fields.text("instructions");
  request.previous_response_id = fields.text("previous_response_id").value_or("");
  request.stream = fields.boolean("stream").value_or(false);
  fields.object("stream_options");
  request.store = fields.boolean("store").value_or(true);
  const std::map<std::string, bool> truncations = {{"auto", true}, {"disabled", false}};
  request.truncate = fields.choice("truncation", truncations).value_or(false);
  parse_own(fields, request.options);
  parse_tools(fields, request);
  parse_include(fields, request);
  parse_text(fields, text, request);
  parse_generation(fields, request);
  parse_identifiers(fields, request);

  json& repeated = request.repeated;
  repeated["instructions"] = request.instructions ? json(*request.instructions) : json();
  repeated["previous_response_id"] =
      request.previous_response_id.empty() ? json() : json(request.previous_response_id);
  repeated["truncation"] = request.truncate ? "auto" : "disabled";
  repeated["metadata"] = fields.metadata("metadata").value_or(Metadata());
  repeated["parallel_tool_calls"] = fields.boolean("parallel_tool_calls").value_or(true);
  return request;
}

std::vector<ChatMessage> messages_of(const json& input) {
  std::vector<ChatMessage> messages;
  for (const json& item : input) {
    ChatMessage& message = messages.emplace_back();
    message.role = item.at("role") == "developer" ? "system" : item.at("role");
    for (const json& part : item.at("content")) {
      message.content += part.at("text").get_ref<const std::string&>();
    }
  }
  return messages;
}

}  // namespace tandem
