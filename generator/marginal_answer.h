// An answer from each passage by itself, and of these the one that is likeliest over all passages:
// fast decoding of RAG-Sequence (Lewis et al. 2020, section 2.5). Joint training makes likely what
// this chooses, and a small generator reads one passage better than four.
#ifndef TANDEM_GENERATOR_MARGINAL_ANSWER_H_
#define TANDEM_GENERATOR_MARGINAL_ANSWER_H_

#include <functional>
#include <span>
#include <vector>

#include "generator/generator.h"
#include "retriever/retriever.h"

namespace tandem {

// By which cosines are divided where nobody says otherwise, here and in training.
inline constexpr float kRetrieverTemperature = 0.05f;

struct MarginalAnswer {
  GenerationResult generation;  // from the first of `hits`
  std::vector<TokenId> prompt;  // that it came of
  std::vector<Hit> hits;        // those that led to it, the likeliest first
};

// Of the texts y that come of the question x with one of the passages z at a time, the one with the
// highest
//   sum over those z that it came of: softmax(cosine(x, z) / temperature) p(y | x, z),
// where p is that of the text's tokens. An abstention (abstention.h) is chosen only where all
// passages lead to one: that a passage lacks the answer says nothing against what another one has,
// and passages that lack it are many. `cosines` has one for each of `hits`, which are not empty.
// Answers are computed in the same steps, as far as the scheduler has room. `go_on`, which may be
// empty, is asked at each token, by one thread at a time: when it is false the generation ends as
// cancelled. Safe from any thread; throws what generate() does.
MarginalAnswer answer_from_each(const Generator& generator, std::span<const ChatMessage> messages,
                                std::span<const Hit> hits, std::span<const float> cosines,
                                const GenerationOptions& options,
                                float temperature = kRetrieverTemperature,
                                const std::function<bool()>& go_on = {});

}  // namespace tandem

#endif  // TANDEM_GENERATOR_MARGINAL_ANSWER_H_
