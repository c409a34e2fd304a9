#include "generator/fitted_prompt.h"

#include <algorithm>

#include "generator/prompt.h"

namespace tandem {
namespace {

// Part of the context that the passages leave to the answer, unless it asks for less.
constexpr int kReservedForAnswer = 256;

}  // namespace

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
    if (prompt.tokens.size() <= limit || hits.empty())
      return {std::move(prompt), std::move(ordered)};
    hits.pop_back();
  }
}

}  // namespace tandem
