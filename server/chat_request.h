// The body of POST /v1/chat/completions.
#ifndef TANDEM_SERVER_CHAT_REQUEST_H_
#define TANDEM_SERVER_CHAT_REQUEST_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "generator/answerer.h"
#include "server/file_search.h"
#include "server/json_fields.h"

namespace tandem {

struct ChatRequest {
  std::string model;  // empty: whichever there is
  std::vector<ChatMessage> messages;
  AnswerOptions options;
  std::size_t choices = 1;  // `n`
  bool stream = false;
  bool include_usage = false;
  bool store = true;  // whether the answer may be kept
  bool collection_given = false;
  FileSearch file_search;
};

// What OpenAI documents, as far as Tandem has it, the tool of its responses API and the object
// "tandem" beside it; server/README.md lists the fields and their defaults. Throws RequestError
// (400) naming the first field that is wrong. Unknown fields are ignored; known ones that Tandem
// cannot honour are refused, so that no caller believes they had an effect. Throws as
// parse_json_object does for a body that is no object.
ChatRequest parse_chat_request(std::string_view body);

// `messages`, one or more, whoever has the last word. Throws RequestError (400) naming what is
// wrong.
std::vector<ChatMessage> parse_messages(const Fields& body);

}  // namespace tandem

#endif  // TANDEM_SERVER_CHAT_REQUEST_H_
