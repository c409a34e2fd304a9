#include "server/answer_run.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/log.h"
#include "server/http_error.h"

namespace tandem {

void throw_context_error(std::string_view message, std::string_view field) {
  throw RequestError(400, std::string(message), std::string(field), "context_length_exceeded");
}

Answer AnswerRun::answer(std::span<const ChatMessage> messages, const AnswerOptions& options,
                         const TextSink& sink) {
  return answer_from(messages, release_.answerer->retrieve(messages, options), options, sink);
}

Answer AnswerRun::answer_from(std::span<const ChatMessage> messages, Retrieval retrieval,
                              const AnswerOptions& options, const TextSink& sink) {
  const Metrics::InFlight in_flight(metrics_);
  const bool keeps = keeping_.records != nullptr && keeping_.records->keeps();
  AnswerTrace trace{.id = keeping_.id,
                    .collections = keeping_.collections,
                    .messages = messages,
                    .each = options.each};
  if (keeps) {
    trace.queries = retrieval.queries;
    trace.found = retrieval.hits;
  }
  bool first = true;
  const auto counted = [&](const TextPiece& piece) {
    if (piece.text.empty() && piece.log_probabilities.empty()) {
      return !exchange_.connection().client_left();
    }
    if (first) {
      const std::chrono::duration<double> elapsed = Exchange::Clock::now() - exchange_.start();
      trace.first_token_seconds = elapsed.count();
      metrics_.observe_first_token(trace.first_token_seconds);
      first = false;
    }
    return sink ? sink(piece) : !exchange_.connection().client_left();
  };
  try {
    Answer answer =
        release_.answerer->answer_from(messages, std::move(retrieval), options, counted);
    metrics_.count_answer(answer);
    const GenerationResult& generation = answer.generation;
    log_debug("{}: {} prompt tokens, {} generated, prefill {:.2f} s, decode {:.2f} s",
              exchange_.id(), generation.prompt_tokens, generation.completion_tokens,
              generation.prefill_seconds, generation.decode_seconds);
    if (keeps && generation.finish_reason != FinishReason::kCancelled) {
      keeping_.records->add(make_answer_record(exchange_, release_, trace, answer));
    }
    return answer;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kTooLarge) throw_context_error(error.what(), field_);
    throw;
  }
}

void throw_client_left() {
  throw RequestError(499,
                     "The client closed its side of the connection before the answer was ready; "
                     "keep it open.",
                     {}, "client_left");
}

}  // namespace tandem
