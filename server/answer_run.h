// Answers of a release as HTTP requests get them: counted, kept, and ended when the client leaves.
#ifndef TANDEM_SERVER_ANSWER_RUN_H_
#define TANDEM_SERVER_ANSWER_RUN_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/answerer.h"
#include "server/answers/records.h"
#include "server/exchange.h"
#include "server/metrics.h"
#include "server/served_release.h"

namespace tandem {

// The generator's kTooLarge as OpenAI's clients know it: RequestError 400
// "context_length_exceeded", `field` being where the request has its messages.
[[noreturn]] void throw_context_error(std::string_view message, std::string_view field);

// How an answer is kept.
struct AnswerKeeping {
  AnswerRecords* records = nullptr;  // null: not at all
  std::string id;
  std::vector<std::string> collections;  // that are searched for it
};

// The answer to one exchange, for its thread. Borrows everything.
class AnswerRun {
 public:
  // `field` is where the request has its messages.
  AnswerRun(const Exchange& exchange, const ServedRelease& release, Metrics& metrics,
            const AnswerKeeping& keeping, std::string_view field)
      : exchange_(exchange),
        release_(release),
        metrics_(metrics),
        keeping_(keeping),
        field_(field) {}

  // As Answerer has them. `sink` gets pieces that have something in them only; may be null. Who is
  // told of an answer finds its record, unless it was cancelled; of several, that of the first.
  // Throws as Answerer, but for throw_context_error().
  Answer answer_from(std::span<const ChatMessage> messages, Retrieval retrieval,
                     const AnswerOptions& options, const TextSink& sink);
  std::vector<Answer> choices_from(std::span<const ChatMessage> messages, Retrieval retrieval,
                                   const AnswerOptions& options, std::size_t count,
                                   const ChoiceSink& sink);

 private:
  const Exchange& exchange_;
  const ServedRelease& release_;
  Metrics& metrics_;
  const AnswerKeeping& keeping_;
  std::string_view field_;
};

// Whether the client left before all of these were whole.
bool is_cancelled(std::span<const Answer> answers);

// What becomes of a request that is not streamed and whose client left: RequestError 499.
[[noreturn]] void throw_client_left();

}  // namespace tandem

#endif  // TANDEM_SERVER_ANSWER_RUN_H_
