// An answer from each passage by itself, and of these the one that is likeliest over all passages:
// fast decoding of RAG-Sequence (Lewis et al. 2020, section 2.5). Joint training makes likely what
// this chooses, and a small generator reads one passage better than four.
#ifndef TANDEM_GENERATOR_MARGINAL_ANSWER_H_
#define TANDEM_GENERATOR_MARGINAL_ANSWER_H_

#include <span>
#include <vector>

#include "generator/generator.h"
#include "retriever/retriever.h"

namespace tandem {

struct MarginalAnswer {
  GenerationResult generation;  // from the first of `hits`
  std::vector<Hit> hits;        // those that led to it, the likeliest first
};

// Of the texts y that come of the question x with one of the passages z at a time, the one with the
// highest
//   sum over those z that it came of: softmax(s(z) / temperature) p(y | x, z),
// where s(z) is the score of a hit, and p that of the text's tokens. `hits` is not empty. Answers
// are computed in the same steps, as far as the scheduler has room. Safe from any thread; throws
// what generate() does.
MarginalAnswer answer_from_each(const Generator& generator, std::span<const ChatMessage> messages,
                                std::span<const Hit> hits, const GenerationOptions& options,
                                float temperature);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_MARGINAL_ANSWER_H_
