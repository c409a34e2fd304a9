#include "generator/fitted_prompt.h"

#include <algorithm>
#include <iterator>

#include "generator/prompt.h"

namespace tandem {
namespace {

// Part of the context that the passages leave to the answer, unless it asks for less.
constexpr int kReservedForAnswer = 256;

// Tokens of a prompt that leaves room for the answer.
std::size_t prompt_limit(const Generator& generator, int max_tokens) {
  const int reserved =
      std::clamp(max_tokens, 1, std::min(kReservedForAnswer, generator.context_length() / 4));
  return static_cast<std::size_t>(generator.context_length() - reserved);
}

}  // namespace

FittedPrompt fit_prompt(const Generator& generator, std::span<const ChatMessage> messages,
                        std::vector<Hit> hits, int max_tokens, const RecentOrders* orders) {
  const std::size_t limit = prompt_limit(generator, max_tokens);
  while (true) {
    std::vector<Hit> ordered = hits;
    if (orders != nullptr) orders->arrange(ordered);
    // Without passages there are no marks in the messages but the user's own.
    const PassageReading reading =
        hits.empty() ? PassageReading::kTogether : generator.passage_reading();
    Prompt prompt = generator.render(with_passages(messages, ordered, reading), reading);
    if (prompt.tokens.size() <= limit || hits.empty())
      return {std::move(prompt), std::move(ordered)};
    hits.pop_back();
  }
}

bool fits_context(const Generator& generator, std::span<const ChatMessage> messages) {
  return generator.goes_past_context() || generator.render(messages).tokens.size() <
                                              static_cast<std::size_t>(generator.context_length());
}

std::vector<ChatMessage> newest_messages(const Generator& generator,
                                         std::span<const ChatMessage> messages, int max_tokens) {
  std::vector<ChatMessage> all(messages.begin(), messages.end());
  if (generator.goes_past_context() || all.empty()) return all;
  const auto first =
      std::find_if(all.begin(), all.end(), [](const ChatMessage& m) { return m.role != "system"; });
  // What may be left begins at one of these; the fewer messages, the fewer tokens.
  std::vector<std::vector<ChatMessage>::iterator> beginnings = {first};
  for (auto message = first; message != all.end(); ++message) {
    if (message != first && message->role == "user") beginnings.push_back(message);
  }
  const auto from = [&](std::vector<ChatMessage>::iterator beginning) {
    std::vector<ChatMessage> left(all.begin(), first);
    left.insert(left.end(), beginning, all.end());
    return left;
  };
  const std::size_t limit = prompt_limit(generator, max_tokens);
  const auto chosen = std::partition_point(
      beginnings.begin(), std::prev(beginnings.end()), [&](const auto& beginning) {
        return generator.render(from(beginning)).tokens.size() > limit;
      });
  return from(*chosen);
}

}  // namespace tandem
