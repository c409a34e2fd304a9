#include "generator/marginal_answer.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.h"
#include "generator/abstention.h"
#include "generator/fitted_prompt.h"

namespace tandem {
namespace {

struct OneAnswer {
  std::vector<TokenId> prompt;
  GenerationResult generation;
};

// One for each of `hits`.
std::vector<OneAnswer> answers_to(const Generator& generator, std::span<const ChatMessage> messages,
                                  std::span<const Hit> hits, const GenerationOptions& options,
                                  const std::function<bool()>& go_on) {
  std::mutex asking;
  const TextSink sink = [&](const TextPiece&) {
    if (!go_on) return true;
    const std::lock_guard lock(asking);
    return go_on();
  };
  std::vector<std::future<OneAnswer>> running;
  for (const Hit& hit : hits) {
    running.push_back(std::async(std::launch::async, [&generator, messages, &hit, &options, &sink] {
      Prompt prompt = fit_prompt(generator, messages, {hit}, options.max_tokens, nullptr).prompt;
      GenerationResult generation = generator.generate(prompt, options, sink);
      return OneAnswer{std::move(prompt.tokens), std::move(generation)};
    }));
  }
  // All have ended before the first that failed is thrown.
  for (const auto& answer : running) answer.wait();
  std::vector<OneAnswer> answers;
  answers.reserve(running.size());
  for (auto& answer : running) answers.push_back(answer.get());
  return answers;
}

double log_probability(const GenerationResult& answer) {
  double sum = 0;
  for (const LogProbabilities& token : answer.log_probabilities)
    sum += token.chosen.log_probability;
  return sum;
}

}  // namespace

MarginalAnswer answer_from_each(const Generator& generator, std::span<const ChatMessage> messages,
                                std::span<const Hit> hits, std::span<const float> cosines,
                                const GenerationOptions& options, float temperature,
                                const std::function<bool()>& go_on) {
  TANDEM_CHECK(!hits.empty() && cosines.size() == hits.size() && temperature > 0);
  GenerationOptions each = options;
  if (!each.top_log_probabilities) each.top_log_probabilities = 0;
  std::vector<OneAnswer> answers = answers_to(generator, messages, hits, each, go_on);

  // Weights are compared, so what all have in common is left out: the sum of the softmax, and the
  // best cosine, without which the exponential could overflow.
  const float best_cosine = *std::max_element(cosines.begin(), cosines.end());
  std::vector<double> weights;
  std::map<std::string, double> likelihoods;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const double prior = static_cast<double>(cosines[i] - best_cosine) / temperature;
    weights.push_back(std::exp(prior + log_probability(answers[i].generation)));
    likelihoods[answers[i].generation.text] += weights.back();
  }
  const auto rank = [](const auto& likelihood) {
    return std::pair(!is_abstention(likelihood.first), likelihood.second);
  };
  const std::string chosen =
      std::max_element(likelihoods.begin(), likelihoods.end(), [&](const auto& a, const auto& b) {
        return rank(a) < rank(b);
      })->first;
  std::vector<std::size_t> led_to_it;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (answers[i].generation.text == chosen) led_to_it.push_back(i);
  }
  std::stable_sort(led_to_it.begin(), led_to_it.end(),
                   [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  const bool cancelled = std::any_of(answers.begin(), answers.end(), [](const auto& answer) {
    return answer.generation.finish_reason == FinishReason::kCancelled;
  });

  MarginalAnswer answer;
  for (const std::size_t i : led_to_it) answer.hits.push_back(hits[i]);
  answer.generation = std::move(answers[led_to_it.front()].generation);
  answer.prompt = std::move(answers[led_to_it.front()].prompt);
  if (!options.top_log_probabilities) answer.generation.log_probabilities.clear();
  if (cancelled) answer.generation.finish_reason = FinishReason::kCancelled;
  return answer;
}

}  // namespace tandem
