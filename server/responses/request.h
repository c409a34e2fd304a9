// The body of POST /v1/responses.
#ifndef TANDEM_SERVER_RESPONSES_REQUEST_H_
#define TANDEM_SERVER_RESPONSES_REQUEST_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/answerer.h"
#include "server/file_search.h"

namespace tandem {

struct ResponseRequest {
  std::string model;                 // empty: whichever there is
  std::string previous_response_id;  // empty: none
  std::optional<std::string> instructions;
  // Its messages, as GET /v1/responses/{id}/input_items gives them: each with an id.
  nlohmann::json input = nlohmann::json::array();
  // With `retrieve` where file_search is to be used.
  AnswerOptions options;
  FileSearch file_search;
  bool stream = false;
  bool store = true;
  bool include_results = false;
  bool truncate = false;  // whether the oldest messages may be left out
  // Fields that the response repeats, with defaults where there are none.
  nlohmann::json repeated = nlohmann::json::object();
};

// What OpenAI documents, as far as Tandem has it, and the object "tandem" beside it. Throws
// RequestError (400) naming the first field that is wrong. Unknown fields are ignored; known ones
// that Tandem cannot honour are refused, so that no caller believes they had an effect. Throws as
// parse_json_object does for a body that is no object.
ResponseRequest parse_response_request(std::string_view body);

// The messages of items that ResponseRequest::input holds.
std::vector<ChatMessage> messages_of(const nlohmann::json& input);

}  // namespace tandem

#endif  // TANDEM_SERVER_RESPONSES_REQUEST_H_
