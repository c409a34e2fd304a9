#include "trainer/served_prompt.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "generator/fitted_prompt.h"

namespace tandem {
namespace {

// Longest answer that a prompt leaves room for.
constexpr int kAnswerTokens = 256;

}  // namespace

std::vector<TokenId> served_prompt(const Generator& generator, const Corpus& corpus,
                                   const std::string& question,
                                   std::span<const std::uint32_t> passages, int passage_tokens) {
  const Tokenizer& tokenizer = generator.tokenizer();
  const auto limit = static_cast<std::size_t>(passage_tokens);
  std::vector<Hit> hits;
  for (const std::uint32_t passage : passages) {
    Hit& hit = hits.emplace_back();
    hit.passage = to_passage(corpus.passages[passage]);
    const std::vector<TokenId> tokens = tokenizer.encode(hit.passage.text);
    if (tokens.size() > limit) hit.passage.text = tokenizer.decode(std::span(tokens).first(limit));
  }
  const ChatMessage message = {"user", question};
  return fit_prompt(generator, {&message, 1}, std::move(hits), kAnswerTokens, nullptr)
      .prompt.tokens;
}

std::vector<TokenId> answer_turn(const Generator& generator, std::string_view answer) {
  std::vector<TokenId> tokens = generator.tokenizer().encode(answer);
  tokens.push_back(*generator.end_of_turn());
  return tokens;
}

void require_end_of_turn(const Generator& generator) {
  if (!generator.end_of_turn())
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} names no token that ends a turn", generator.name()),
                "choose an instruction-tuned model");
}

}  // namespace tandem
