// Fields of requests for an answer that the chat and the responses API have in common. All throw
// RequestError (400) naming the field that is wrong. Pure; safe from any thread.
#ifndef TANDEM_SERVER_ANSWER_FIELDS_H_
#define TANDEM_SERVER_ANSWER_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/answerer.h"
#include "server/json_fields.h"

namespace tandem {

inline constexpr std::size_t kMaxMessages = 1000;
inline constexpr std::size_t kMaxContentParts = 100;
inline constexpr std::int64_t kMaxTokens = 1'000'000;  // the generator cuts it to its context

// `role` of a message: "system", "user" or "assistant". "developer" is OpenAI's newer name of
// "system".
std::string parse_role(const Fields& message);

// `content` of a message: a string, or the texts of its parts, which are all of `types`.
std::vector<std::string> parse_content(const Fields& message,
                                       const std::vector<std::string_view>& types);

// `temperature`, `top_p` and `seed`, which is random if absent.
void parse_sampling(const Fields& body, SamplingOptions& sampling);

// Of an object with a `type` "text" (nothing), "json_object" ("") or "json_schema": the text of the
// schema in the field `schema` of the object's field `holder`, or of the object itself for "".
// `body` is the text of the whole request, since what was parsed has the properties of a schema in
// another order, and they are generated in the schema's.
std::optional<std::string> parse_text_format(const Fields& format, std::string_view holder,
                                             std::string_view body);

// Tandem's own object `tandem`; server/README.md lists its fields and their defaults.
void parse_own_fields(const Fields& own, AnswerOptions& options);

}  // namespace tandem

#endif  // TANDEM_SERVER_ANSWER_FIELDS_H_
