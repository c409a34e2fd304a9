#include "server/answer_json.h"

#include <algorithm>

#include "base/utf8.h"
#include "retriever/attribute_json.h"

namespace tandem {
namespace {

using nlohmann::json;

json page_json(std::uint32_t page) {
  return page == 0 ? json() : json(page);
}

json probability_json(const TokenProbability& probability, const Generator& generator) {
  // JSON has no infinity; this is what OpenAI writes for what is next to impossible.
  constexpr float kImpossible = -9999.0f;
  const std::string bytes = generator.spell(probability.token);
  json object = {{"token", repair_utf8(bytes)},
                 {"logprob", std::max(probability.log_probability, kImpossible)},
                 {"bytes", nullptr}};
  if (!generator.tokenizer().is_control(probability.token)) {
    object["bytes"] = json::array();
    for (const char byte : bytes) object["bytes"].push_back(static_cast<unsigned char>(byte));
  }
  return object;
}

}  // namespace

json to_json(std::span<const LogProbabilities> tokens, const Generator& generator) {
  json content = json::array();
  for (const LogProbabilities& token : tokens) {
    json object = probability_json(token.chosen, generator);
    object["top_logprobs"] = json::array();
    for (const TokenProbability& other : token.top)
      object["top_logprobs"].push_back(probability_json(other, generator));
    content.push_back(std::move(object));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

json to_json(const Hit& hit) {
  const Passage& passage = hit.passage;
  return {{"passage_id", passage.id},
          {"document_id", passage.document_id},
          {"collection", passage.collection},
          {"title", passage.title},
          {"heading_path", passage.heading_path},
          {"page", page_json(passage.page)},
          {"start", passage.begin},
          {"end", passage.end},
          {"score", hit.score},
          {"text", passage.text}};
}

json to_json(const std::vector<Hit>& hits) {
  json array = json::array();
  for (const Hit& hit : hits) array.push_back(to_json(hit));
  return array;
}

json to_json(const std::vector<Citation>& citations) {
  json array = json::array();
  for (const Citation& citation : citations) {
    array.push_back({{"number", citation.number},
                     {"passage_id", citation.passage_id},
                     {"document_id", citation.document_id},
                     {"collection", citation.collection},
                     {"title", citation.title},
                     {"heading_path", citation.heading_path},
                     {"page", page_json(citation.page)},
                     {"start", citation.begin},
                     {"end", citation.end},
                     {"quote", citation.quote},
                     {"score", citation.score},
                     {"answer_start", citation.answer_begin},
                     {"answer_end", citation.answer_end}});
  }
  return array;
}

json messages_json(std::span<const ChatMessage> messages) {
  json array = json::array();
  for (const ChatMessage& message : messages) {
    array.push_back({{"role", message.role}, {"content", message.content}});
  }
  return array;
}

json to_json(const Document& document) {
  return {{"id", document.id},
          {"object", "document"},
          {"collection", document.collection},
          {"title", document.title},
          {"source", document.source},
          {"media_type", document.media_type},
          {"created_at", document.created_at_unix_s},
          {"passage_count", document.passage_count},
          {"attributes", to_json(document.attributes)},
          {"readers", document.readers}};
}

}  // namespace tandem
