#include "trainer/preference_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"
#include "trainer/corpus_search.h"
#include "trainer/served_prompt.h"

namespace tandem {

void retrieve_passages(const Corpus& corpus, const Encoder& encoder, std::size_t count,
                       std::span<PreferencePair* const> pairs) {
  std::vector<std::string> questions;
  questions.reserve(pairs.size());
  for (const PreferencePair* const pair : pairs) questions.push_back(pair->question);
  const auto found = search_corpus(corpus, questions, encoder, count);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto& passages = pairs[i]->passages.emplace();
    for (const FoundPassage& passage : found[i]) passages.push_back(passage.index);
  }
}

std::vector<PreferenceTokens> preference_tokens(const Corpus& corpus,
                                                std::span<const PreferencePair> pairs,
                                                const Generator& generator, int passage_tokens) {
  require_end_of_turn(generator);
  std::vector<PreferenceTokens> all;
  all.reserve(pairs.size());
  for (const PreferencePair& pair : pairs) {
    TANDEM_CHECK(pair.passages.has_value());
    const std::vector<std::uint32_t> passages(pair.passages->begin(), pair.passages->end());
    PreferenceTokens tokens;
    tokens.id = pair.id;
    tokens.prompt = served_prompt(generator, corpus, pair.question, passages, passage_tokens);
    tokens.chosen = answer_turn(generator, pair.chosen);
    tokens.rejected = answer_turn(generator, pair.rejected);
    const std::size_t longest = std::max(tokens.chosen.size(), tokens.rejected.size());
    if (tokens.prompt.size() + longest > static_cast<std::size_t>(generator.context_length()))
      throw Error(
          ErrorCode::kTooLarge,
          fmt::format("the prompt of pair {} has {} tokens and its longest answer {}, where "
                      "{} takes {} in all",
                      pair.id, tokens.prompt.size(), longest, generator.name(),
                      generator.context_length()),
          "shorten question or answer, name fewer passages, or lower --passage-tokens");
    all.push_back(std::move(tokens));
  }
  return all;
}

}  // namespace tandem
