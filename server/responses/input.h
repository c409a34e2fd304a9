// `input` of POST /v1/responses: a question, or the items of a conversation.
#ifndef TANDEM_SERVER_RESPONSES_INPUT_H_
#define TANDEM_SERVER_RESPONSES_INPUT_H_

#include <nlohmann/json.hpp>

#include "server/json_fields.h"

namespace tandem {

// Its messages as ResponseRequest::input has them, of which the last is the user's and not blank.
// Of output of a former response, messages are taken and calls of file_search passed over. Throws
// RequestError (400) for what is no text, such as images and functions. Pure; safe from any thread.
nlohmann::json parse_input(const Fields& body);

}  // namespace tandem

#endif  // TANDEM_SERVER_RESPONSES_INPUT_H_
