#include "server/answers/request.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <set>
#include <string_view>

#include "server/http_error.h"
#include "server/json_fields.h"
#include "trainer/json_lines.h"

namespace tandem {
namespace {

using nlohmann::json;

std::optional<std::string> parse_text(const Fields& body, std::string_view name,
                                      std::size_t max_bytes) {
  if (!body.has(name)) return std::nullopt;
  std::string text = body.text(name).value_or("");
  if (text.size() > max_bytes) {
    body.fail(name, fmt::format("is longer than {} bytes.", max_bytes));
  }
  if (is_blank(text)) text.clear();
  return text;
}

void parse_passages(const Fields& body, FeedbackRequest& request) {
  const json* const array = body.array("passages", kMaxMarkedPassages);
  if (array == nullptr) return;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const Fields passage((*array)[i], path_of_element("passages", i));
    const auto id = passage.integer("passage_id", 0, std::numeric_limits<std::int64_t>::max());
    if (!id) passage.fail("passage_id", "is missing.");
    if (!passage.has("relevant")) passage.fail("relevant", "is missing.");
    if (!request.relevant.emplace(static_cast<PassageId>(*id), passage.boolean("relevant"))
             .second) {
      passage.fail("passage_id", "is that of a passage before, too.");
    }
  }
}

}  // namespace

FeedbackRequest parse_feedback_request(const json& body) {
  const Fields fields(body);
  FeedbackRequest request;
  request.answer_id = fields.text("answer_id").value_or("");
  if (request.answer_id.empty()) fields.fail("answer_id", "is missing.");
  if (fields.has("rating")) {
    request.rating =
        fields.choice<Rating>("rating", {{"good", Rating::kGood}, {"bad", Rating::kBad}})
            .value_or(Rating::kNone);
  }
  request.correction = parse_text(fields, "correction", kMaxCorrectionBytes);
  request.comment = parse_text(fields, "comment", kMaxCommentBytes);
  parse_passages(fields, request);
  if (!request.rating && !request.correction && !request.comment && request.relevant.empty()) {
    throw RequestError(400,
                       "The feedback says nothing: give 'rating', 'correction', 'comment' or "
                       "'passages'.",
                       "rating");
  }
  return request;
}

void apply(const FeedbackRequest& request, AnswerRecord& record) {
  std::set<PassageId> found;
  for (const json& hit : record.answer.at("hits")) {
    found.insert(hit.at("passage_id").get<PassageId>());
  }
  for (const auto& [id, relevant] : request.relevant) {
    if (!found.contains(id)) {
      throw RequestError(
          400, fmt::format("The passage {} was not found for the answer '{}'.", id, record.id),
          "passages");
    }
  }
  Feedback& feedback = record.feedback;
  for (const auto& [id, relevant] : request.relevant) {
    if (relevant) {
      feedback.relevant.insert_or_assign(id, *relevant);
    } else {
      feedback.relevant.erase(id);
    }
  }
  if (request.rating) feedback.rating = *request.rating;
  if (request.correction) feedback.correction = *request.correction;
  if (request.comment) feedback.comment = *request.comment;
}

}  // namespace tandem
