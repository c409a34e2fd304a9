#include "generator/answerer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/stopwatch.h"
#include "generator/fitted_prompt.h"
#include "generator/follow_up.h"
#include "generator/marginal_answer.h"
#include "generator/prompt.h"
#include "retriever/passage_text.h"

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

// What hits of any search have in common with what the encoder learned.
std::vector<float> Answerer::cosines(const std::string& question, std::span<const Hit> hits) const {
  std::vector<std::string> texts;
  for (const Hit& hit : hits) texts.push_back(embedding_text(hit.passage));
  const std::vector<float> query = encoder_.encode(std::span(&question, 1), TextKind::kQuery);
  const std::vector<float> passages = encoder_.encode(texts, TextKind::kPassage);
  std::vector<float> cosines;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const auto passage = passages.begin() + static_cast<std::ptrdiff_t>(i * query.size());
    cosines.push_back(std::inner_product(query.begin(), query.end(), passage, 0.0f));
  }
  return cosines;
}

void Answerer::answer_each(std::span<const ChatMessage> messages, std::vector<Hit> hits,
                           const AnswerOptions& options, const TextSink& sink,
                           Answer& answer) const {
  MarginalAnswer marginal = answer_from_each(
      generator_, messages, hits, cosines(question_of(messages), hits), options.generation,
      kRetrieverTemperature, [&] { return !sink || sink({}); });
  answer.hits = std::move(marginal.hits);
  answer.generation = std::move(marginal.generation);
  answer.prompt = std::move(marginal.prompt);
  if (answer.generation.finish_reason == FinishReason::kCancelled) return;
  const TextPiece whole{answer.generation.text, answer.generation.log_probabilities};
  if (sink && !answer.generation.text.empty() && !sink(whole)) {
    answer.generation.finish_reason = FinishReason::kCancelled;
    return;
  }
  answer.citations =
      find_citations(question_of(messages), answer.generation.text, answer.hits, encoder_);
}

Answer Answerer::answer(std::span<const ChatMessage> messages, const AnswerOptions& options,
                        const TextSink& sink) const {
  return answer_from(messages, retrieve(messages, options), options, sink);
}

// For the question alone, or for it and then together with those before it.
std::vector<Hit> Answerer::search(const std::vector<std::string>& queries,
                                  const SearchOptions& options) const {
  if (queries.size() == 1) return retriever_.search(queries[0], options);
  SearchOptions deep = options;
  deep.limit = std::max(options.limit, options.rerank > 0 ? options.rerank : kFollowUpDepth);
  deep.score_threshold.reset();
  std::vector<Hit> hits = fuse_hits(retriever_.search(queries[0], deep),
                                    retriever_.search(queries[1], deep), options.limit);
  if (options.score_threshold) {
    std::erase_if(hits, [&](const Hit& hit) { return hit.score < *options.score_threshold; });
  }
  return hits;
}

Retrieval Answerer::retrieve(std::span<const ChatMessage> messages,
                             const AnswerOptions& options) const {
  Retrieval retrieval;
  const std::string& question = question_of(messages);
  if (!options.retrieve) return retrieval;
  const Stopwatch stopwatch;
  retrieval.queries = {question};
  if (options.follow_up) {
    if (auto with_former = question_with_former(messages)) {
      retrieval.queries.push_back(*std::move(with_former));
    }
  }
  retrieval.hits = search(retrieval.queries, options.search);
  retrieval.seconds = stopwatch.seconds();
  return retrieval;
}

Answer Answerer::answer_from(std::span<const ChatMessage> messages, Retrieval retrieval,
                             const AnswerOptions& options, const TextSink& sink) const {
  ChoiceSink only;
  if (sink) only = [&](std::size_t, const TextPiece& piece) { return sink(piece); };
  return std::move(choices_from(messages, std::move(retrieval), options, 1, only).front());
}

std::vector<Answer> Answerer::choices_from(std::span<const ChatMessage> messages,
                                           Retrieval retrieval, const AnswerOptions& options,
                                           std::size_t count, const ChoiceSink& sink) const {
  if (options.each && count > 1)
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{} answers from each passage by itself are asked for", count),
                "ask for one: it is the likeliest over all passages");
  std::vector<Answer> answers(count);
  for (Answer& answer : answers) answer.retrieval_seconds = retrieval.seconds;
  if (options.each && !retrieval.hits.empty()) {
    TextSink only;
    if (sink) only = [&](const TextPiece& piece) { return sink(0, piece); };
    answer_each(messages, std::move(retrieval.hits), options, only, answers.front());
    return answers;
  }
  FittedPrompt fitted = fit_prompt(generator_, messages, std::move(retrieval.hits),
                                   options.generation.max_tokens, orders_.get());
  if (orders_ != nullptr) orders_->remember(fitted.hits);
  auto generations = generate_choices(generator_, fitted.prompt, options.generation, count, sink);
  for (std::size_t i = 0; i < count; ++i) {
    Answer& answer = answers[i];
    answer.hits = fitted.hits;
    answer.prompt = fitted.prompt.tokens;
    answer.generation = std::move(generations[i]);
    if (answer.generation.finish_reason != FinishReason::kCancelled) {
      answer.citations =
          find_citations(question_of(messages), answer.generation.text, answer.hits, encoder_);
    }
  }
  return answers;
}

}  // namespace tandem
