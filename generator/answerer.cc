#include "generator/answerer.h"

#include <chrono>

#include "generator/fitted_prompt.h"
#include "generator/prompt.h"

namespace tandem {

GenerationOptions default_generation_options() {
  GenerationOptions options;
  options.sampling.temperature = 0.0f;
  options.sampling.repetition_penalty = 1.05f;
  options.max_tokens = 256;
  return options;
}

Answerer::Answerer(const Retriever& retriever, const Encoder& encoder, const Generator& generator,
                   PassageOrder order)
    : retriever_(retriever),
      encoder_(encoder),
      generator_(generator),
      orders_(order == PassageOrder::kReuse &&
                      generator.passage_reading() == PassageReading::kTogether
                  ? std::make_unique<RecentOrders>()
                  : nullptr) {}

Answer Answerer::answer(std::span<const ChatMessage> messages, const AnswerOptions& options,
                        const TextSink& sink) const {
  using Clock = std::chrono::steady_clock;
  Answer answer;
  std::vector<Hit> hits;
  const std::string& question = question_of(messages);
  if (options.retrieve) {
    const auto start = Clock::now();
    hits = retriever_.search(question, options.search);
    answer.retrieval_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  FittedPrompt fitted = fit_prompt(generator_, messages, std::move(hits),
                                   options.generation.max_tokens, orders_.get());
  if (orders_ != nullptr) orders_->remember(fitted.hits);
  answer.hits = std::move(fitted.hits);
  answer.generation = generator_.generate(
      fitted.prompt, options.generation, sink ? sink : [](const TextPiece&) { return true; });
  if (answer.generation.finish_reason != FinishReason::kCancelled) {
    answer.citations = find_citations(answer.generation.text, answer.hits, encoder_);
  }
  return answer;
}

}  // namespace tandem
