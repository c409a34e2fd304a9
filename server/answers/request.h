// The body of POST /v1/feedback.
#ifndef TANDEM_SERVER_ANSWERS_REQUEST_H_
#define TANDEM_SERVER_ANSWERS_REQUEST_H_

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "server/answers/record.h"

namespace tandem {

inline constexpr std::size_t kMaxCorrectionBytes = 32u << 10;
inline constexpr std::size_t kMaxCommentBytes = 8u << 10;
inline constexpr std::size_t kMaxMarkedPassages = 1000;

// What is to be said beside, or instead of, what was said before. Nullopt leaves that as it is.
struct FeedbackRequest {
  std::string answer_id;
  std::optional<Rating> rating;
  std::optional<std::string> correction;  // empty: takes it away
  std::optional<std::string> comment;     // likewise
  // Nullopt here takes the mark away.
  std::map<PassageId, std::optional<bool>> relevant;
};

// `rating` ("good" or "bad"), `correction`, `comment` and `passages`, [{passage_id, relevant}], of
// `answer_id`; a null takes away. Throws RequestError (400) naming the first field that is wrong,
// and for a request that says nothing. Pure; safe from any thread.
FeedbackRequest parse_feedback_request(const nlohmann::json& body);

// Throws RequestError (400) for a passage that was not found for the answer, and leaves the record
// as it was then. Pure; safe from any thread.
void apply(const FeedbackRequest& request, AnswerRecord& record);

}  // namespace tandem

#endif  // TANDEM_SERVER_ANSWERS_REQUEST_H_
