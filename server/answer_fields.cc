#include "server/answer_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxPromptPassages = 50;

}  // namespace

std::string parse_role(const Fields& message) {
  const auto role = message.text("role");
  if (!role) message.fail("role", "is missing.");
  if (*role == "developer") return "system";
  if (*role != "system" && *role != "user" && *role != "assistant") {
    message.fail("role", "must be one of 'system', 'developer', 'user' or 'assistant'.");
  }
  return *role;
}

std::vector<std::string> parse_content(const Fields& message,
                                       const std::vector<std::string_view>& types) {
  const json* const content = message.find("content");
  if (content == nullptr) message.fail("content", "is missing.");
  if (content->is_string()) return {content->get<std::string>()};
  if (!content->is_array()) {
    message.fail("content", fmt::format("must be a string or an array of text parts, not {}.",
                                        describe_type(*content)));
  }
  message.array("content", kMaxContentParts);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < content->size(); ++i) {
    const Fields part((*content)[i], path_of_element(message.path_of("content"), i));
    const std::string type = part.text("type").value_or("");
    if (std::find(types.begin(), types.end(), type) == types.end()) {
      part.fail("type", fmt::format("must be '{}': this server reads nothing but text.",
                                    fmt::join(types, "' or '")));
    }
    const auto text = part.text("text");
    if (!text) part.fail("text", "is missing.");
    texts.push_back(*text);
  }
  return texts;
}

void parse_sampling(const Fields& body, SamplingOptions& sampling) {
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
}

std::optional<std::string> parse_text_format(const Fields& format, std::string_view holder,
                                             std::string_view body) {
  const std::string type = format.text("type").value_or("text");
  if (type == "text") return std::nullopt;
  if (type == "json_object") return "";
  if (type != "json_schema") {
    format.fail("type", "must be 'text', 'json_object' or 'json_schema'.");
  }
  const auto named = holder.empty() ? format : format.object(holder);
  if (!named) format.fail(holder, "is missing.");
  if (named->find("schema") == nullptr) named->fail("schema", "is missing.");
  std::string place = "/" + named->path_of("schema");
  std::replace(place.begin(), place.end(), '.', '/');
  const auto ordered = nlohmann::ordered_json::parse(body);
  const nlohmann::ordered_json::json_pointer pointer(place);
  // Of a field that stands twice, the other parser took the last.
  if (!ordered.contains(pointer)) named->fail("schema", "is there more than once.");
  return ordered.at(pointer).dump();
}

void parse_own_fields(const Fields& own, AnswerOptions& options) {
  SearchOptions& search = options.search;
  if (const auto value = own.collection("collection")) search.collection = *value;
  if (const auto value = own.integer("top_k", 1, kMaxPromptPassages)) {
    search.limit = static_cast<std::size_t>(*value);
  }
  if (const auto value = own.filter("filters")) search.filter = *value;
  if (const auto value = own.choice("mode", search_modes())) search.mode = *value;
  search.rerank = own.reranked("rerank");
  if (const auto weight = own.number("rerank_weight", 0, 1)) {
    search.rerank_weight = static_cast<float>(*weight);
  }
  if (const auto value = own.boolean("retrieve")) options.retrieve = *value;
  if (const auto value = own.boolean("follow_up")) options.follow_up = *value;
  const std::map<std::string, bool> answers_from = {{"all", false}, {"each", true}};
  if (const auto value = own.choice("answer_from", answers_from)) options.each = *value;
  SamplingOptions& sampling = options.generation.sampling;
  if (const auto value = own.number("repetition_penalty", 0.1, 10)) {
    sampling.repetition_penalty = static_cast<float>(*value);
  }
  if (const auto value = own.integer("top_k_sampling", 0, 1'000'000)) {
    sampling.top_k = static_cast<int>(*value);
  }
}

}  // namespace tandem
