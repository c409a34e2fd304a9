#include "generator/answerer.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "generator/prompt.h"

namespace tandem {
namespace {

// Part of the context that the passages leave to the answer, unless it asks for less.
constexpr int kReservedForAnswer = 256;

struct FittedPrompt {
  Prompt prompt;
  std::vector<Hit> hits;
};

// Leaves out passages, worst first, until the prompt fits. `orders` may be null.
FittedPrompt fit_prompt(const Generator& generator, std::span<const ChatMessage> messages,
                        std::vector<Hit> hits, int max_tokens, const RecentOrders* orders) {
  const int reserved =
      std::clamp(max_tokens, 1, std::min(kReservedForAnswer, generator.context_length() / 4));
  const auto limit = static_cast<std::size_t>(generator.context_length() - reserved);
  while (true) {
    std::vector<Hit> ordered = hits;
    if (orders != nullptr) orders->arrange(ordered);
    // Without passages there are no marks in the messages but the user's own.
    const PassageReading reading =
        hits.empty() ? PassageReading::kTogether : generator.passage_reading();
    Prompt prompt = generator.render(with_passages(messages, ordered, reading), reading);
    // With no passage left, the generator itself says how much too long the conversation is.
    if (prompt.tokens.size() <= limit || hits.empty())
      return {std::move(prompt), std::move(ordered)};
    hits.pop_back();
  }
}

}  // namespace

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
