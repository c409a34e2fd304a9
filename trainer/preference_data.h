// What a generator learns preferences from: pairs of answers as tokens, after the prompt that it is
// served with.
#ifndef TANDEM_TRAINER_PREFERENCE_DATA_H_
#define TANDEM_TRAINER_PREFERENCE_DATA_H_

#include <cstddef>
#include <span>
#include <vector>

#include "generator/generator.h"
#include "retriever/encoder.h"
#include "trainer/preference_network.h"
#include "trainer/preference_set.h"

namespace tandem {

// Gives each of the pairs the `count` best passages that the encoder finds for its question. Throws
// what the encoder throws.
void retrieve_passages(const Corpus& corpus, const Encoder& encoder, std::size_t count,
                       std::span<PreferencePair* const> pairs);

// Of pairs that have passages (served_prompt.h); the reference is left at 0. Throws kTooLarge,
// naming the pair, where a prompt and an answer are longer than the generator's context, and as
// require_end_of_turn(). Safe from any thread.
std::vector<PreferenceTokens> preference_tokens(const Corpus& corpus,
                                                std::span<const PreferencePair> pairs,
                                                const Generator& generator, int passage_tokens);

}  // namespace tandem

#endif  // TANDEM_TRAINER_PREFERENCE_DATA_H_
