// An answer that was given, and what people say of it.
#ifndef TANDEM_SERVER_ANSWERS_RECORD_H_
#define TANDEM_SERVER_ANSWERS_RECORD_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/answerer.h"
#include "server/exchange.h"
#include "server/served_release.h"

namespace tandem {

enum class Rating { kNone, kGood, kBad };

struct Feedback {
  Rating rating = Rating::kNone;
  std::string correction = {};              // what should have been answered; empty: nothing
  std::string comment = {};                 // likewise
  std::map<PassageId, bool> relevant = {};  // of passages that were found: whether they help
  std::int64_t updated_at_unix_s = 0;

  bool says_nothing() const {
    return rating == Rating::kNone && correction.empty() && comment.empty() && relevant.empty();
  }
};

struct AnswerRecord {
  std::string id;          // that the client got: "chatcmpl-…" or "resp_…"
  std::string request_id;  // the x-request-id, which a client may have sent twice
  // As GET /debug/trace/{id} gives it:
  //
  //   {"id", "object": "answer", "request_id", "created_at", "owner", "model", "release",
  //    "collections": [name, …], "messages": [{"role", "content"}, …], "queries": [text, …],
  //    "hits": [what answer_json.h has of a hit, …], "passages": [passage_id, …],
  //    "prompt", "answer", "citations", "finish_reason",
  //    "usage": {"prompt_tokens", "reused_tokens", "completion_tokens"},
  //    "timings": {"retrieval", "first_token", "prefill", "decode", "total"}}
  //
  // `hits` are what the search found, best first, `passages` those of them that the prompt has, in
  // its order. Timings are seconds: `first_token` and `total` from the arrival of the request,
  // `prefill` from when the scheduler admitted it. `owner` is whose request it was (Caller::owner).
  nlohmann::json answer;
  Feedback feedback;
};

// What is known of an answer beside what the generator gave.
struct AnswerTrace {
  std::string id;
  std::vector<std::string> collections;  // that were searched
  std::span<const ChatMessage> messages;
  std::vector<std::string> queries = {};
  std::vector<Hit> found = {};
  bool each = false;               // AnswerOptions::each
  double first_token_seconds = 0;  // 0: there was no text
};

AnswerRecord make_answer_record(const Exchange& exchange, const ServedRelease& release,
                                const AnswerTrace& trace, const Answer& answer);

// What the file of a record has, and back. Throws as nlohmann::json does for what is none.
nlohmann::json to_json(const AnswerRecord& record);
AnswerRecord parse_answer_record(nlohmann::json file);

// {"id", "object": "feedback", "answer_id", "status", "rating", "correction", "comment",
//  "passages": [{"passage_id", "relevant"}, …], "updated_at", "answer"}, the answer without its
// prompt. `status` is "reviewed", or "unreviewed" where nothing was said.
nlohmann::json feedback_json(const AnswerRecord& record);

}  // namespace tandem

#endif  // TANDEM_SERVER_ANSWERS_RECORD_H_
