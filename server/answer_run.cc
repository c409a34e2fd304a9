#include "server/answer_run.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/log.h"
#include "server/http_error.h"

namespace tandem {

void throw_context_error(std::string_view message, std::string_view field) {
  throw RequestError(400, std::string(message), std::string(field), "context_length_exceeded");
}

Answer AnswerRun::answer_from(std::span<const ChatMessage> messages, Retrieval retrieval,
                              const AnswerOptions& options, const TextSink& sink) {
  ChoiceSink only;
  if (sink) only = [&](std::size_t, const TextPiece& piece) { return sink(piece); };
  return std::move(choices_from(messages, std::move(retrieval), options, 1, only).front());
}

std::vector<Answer> AnswerRun::choices_from(std::span<const ChatMessage> messages,
                                            Retrieval retrieval, const AnswerOptions& options,
                                            std::size_t count, const ChoiceSink& sink) {
  const Metrics::InFlight in_flight(metrics_, count);
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
  const auto counted = [&](std::size_t choice, const TextPiece& piece) {
    if (piece.text.empty() && piece.log_probabilities.empty()) {
      return !exchange_.connection().client_left();
    }
    if (first) {
      const std::chrono::duration<double> elapsed = Exchange::Clock::now() - exchange_.start();
      trace.first_token_seconds = elapsed.count();
      metrics_.observe_first_token(trace.first_token_seconds);
      first = false;
    }
    return sink ? sink(choice, piece) : !exchange_.connection().client_left();
  };
  try {
    std::vector<Answer> answers =
        release_.answerer->choices_from(messages, std::move(retrieval), options, count, counted);
    metrics_.count_answers(answers);
    for (const Answer& answer : answers) {
      const GenerationResult& generation = answer.generation;
      log_debug("{}: {} prompt tokens, {} generated, prefill {:.2f} s, decode {:.2f} s",
                exchange_.id(), generation.prompt_tokens, generation.completion_tokens,
                generation.prefill_seconds, generation.decode_seconds);
    }
    // Of several the first stands for all: they have one id, and what people say is of one text.
    if (keeps && !is_cancelled(answers)) {
      keeping_.records->add(make_answer_record(exchange_, release_, trace, answers.front()));
    }
    return answers;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kTooLarge) throw_context_error(error.what(), field_);
    throw;
  }
}

bool is_cancelled(std::span<const Answer> answers) {
  return std::any_of(answers.begin(), answers.end(), [](const Answer& answer) {
    return answer.generation.finish_reason == FinishReason::kCancelled;
  });
}

void throw_client_left() {
  throw RequestError(499,
                     "The client closed its side of the connection before the answer was ready; "
                     "keep it open.",
                     {}, "client_left");
}

}  // namespace tandem
