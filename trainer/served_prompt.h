// What a generator that learns is given: prompts as it gets them when it serves, and answers as it
// is to end them. All are safe from any thread.
#ifndef TANDEM_TRAINER_SERVED_PROMPT_H_
#define TANDEM_TRAINER_SERVED_PROMPT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/generator.h"
#include "trainer/question_set.h"

namespace tandem {

// The question after the passages of the corpus at these places, best first, each cut off after
// `passage_tokens`; those that leave no room for an answer are left out (fitted_prompt.h).
std::vector<TokenId> served_prompt(const Generator& generator, const Corpus& corpus,
                                   const std::string& question,
                                   std::span<const std::uint32_t> passages, int passage_tokens);

// With the token that ends the turn, which require_end_of_turn() has asked for.
std::vector<TokenId> answer_turn(const Generator& generator, std::string_view answer);

// Throws kUnsupported for a generator that names no token that ends a turn.
void require_end_of_turn(const Generator& generator);

}  // namespace tandem

#endif  // TANDEM_TRAINER_SERVED_PROMPT_H_
