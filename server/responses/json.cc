#include "server/responses/json.h"

#include <ctime>
#include <utility>

#include "retriever/attribute_json.h"
#include "server/answer_json.h"
#include "server/document_headers.h"

namespace tandem {
namespace {

using nlohmann::json;

// Names the document of `object`, a passage or a citation, as OpenAI does, and gives its
// attributes. Of one that was deleted meanwhile both the name and they are empty.
Attributes name_file(json& object, DocumentHeaders& headers) {
  object["file_id"] = object["document_id"];
  object["filename"] = "";
  const Document* const document = headers.find(object["collection"], object["document_id"]);
  if (document == nullptr) return {};
  object["filename"] = document->source.empty() ? document->title : document->source;
  return document->attributes;
}

}  // namespace

json response_json(const ResponseHead& head, const ResponseRequest& request,
                   std::string_view status, json output) {
  json response = request.repeated;
  response["id"] = head.id;
  response["object"] = "response";
  response["created_at"] = head.created_at_unix_s;
  response["status"] = status;
  response["completed_at"] = status == "completed" ? json(std::time(nullptr)) : json();
  response["model"] = head.model;
  response["release"] = head.release;
  response["store"] = head.store;
  response["output"] = std::move(output);
  response["error"] = nullptr;
  response["incomplete_details"] = nullptr;
  if (status == "incomplete") response["incomplete_details"] = {{"reason", "max_output_tokens"}};
  response["usage"] = nullptr;
  response["background"] = false;
  response["reasoning"] = {{"effort", nullptr}, {"summary", nullptr}};
  response["service_tier"] = "default";
  return response;
}

json response_usage_json(const GenerationResult& generation) {
  return {{"input_tokens", generation.prompt_tokens},
          {"input_tokens_details",
           {{"cached_tokens", generation.reused_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens", generation.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", 0}}},
          {"total_tokens", generation.prompt_tokens + generation.completion_tokens}};
}

json response_error_json(const HttpError& error) {
  const char* const code = error.status == 429 || error.status == 503 ? "rate_limit_exceeded"
                           : error.status >= 500                      ? "server_error"
                                                                      : "invalid_prompt";
  return {{"code", code}, {"message", error.message}};
}

json file_search_call_json(std::string_view id, std::string_view status,
                           const std::vector<std::string>& queries, json results) {
  return {{"id", id},
          {"type", "file_search_call"},
          {"status", status},
          {"queries", queries},
          {"results", std::move(results)}};
}

json output_message_json(std::string_view id, std::string_view status, json content) {
  return {{"id", id},
          {"type", "message"},
          {"role", "assistant"},
          {"status", status},
          {"content", std::move(content)}};
}

json output_text_json(std::string_view text, json annotations, json log_probabilities) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", std::move(annotations)},
          {"logprobs", std::move(log_probabilities)}};
}

json search_results_json(const std::vector<Hit>& hits, const Store& store) {
  DocumentHeaders headers(store);
  json results = to_json(hits);
  for (json& result : results) {
    result["attributes"] = to_json(name_file(result, headers));
  }
  return results;
}

json annotations_json(const std::vector<Citation>& citations, const Store& store) {
  DocumentHeaders headers(store);
  json annotations = to_json(citations);
  for (json& annotation : annotations) {
    annotation["type"] = "file_citation";
    annotation["index"] = annotation["answer_end"];
    name_file(annotation, headers);
  }
  return annotations;
}

json response_log_probabilities_json(std::span<const LogProbabilities> tokens,
                                     const Generator& generator) {
  json content = std::move(to_json(tokens, generator).at("content"));
  const auto without_null = [](json& token) {
    if (token["bytes"].is_null()) token["bytes"] = json::array();
  };
  for (json& token : content) {
    without_null(token);
    for (json& other : token["top_logprobs"]) without_null(other);
  }
  return content;
}

void hide_results(json& response) {
  for (json& item : response["output"]) {
    if (item["type"] == "file_search_call") item["results"] = nullptr;
  }
}

}  // namespace tandem
