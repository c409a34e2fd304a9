#include "server/answer_json.h"

namespace tandem {
namespace {

using nlohmann::json;

json page_json(std::uint32_t page) {
  return page == 0 ? json() : json(page);
}

}  // namespace

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

json to_json(const Document& document) {
  return {{"id", document.id},
          {"object", "document"},
          {"collection", document.collection},
          {"title", document.title},
          {"source", document.source},
          {"media_type", document.media_type},
          {"created_at", document.created_at_unix_s},
          {"passage_count", document.passage_count}};
}

}  // namespace tandem
