// Several answers to one prompt, side by side.
#ifndef TANDEM_GENERATOR_CHOICES_H_
#define TANDEM_GENERATOR_CHOICES_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "generator/generator.h"

namespace tandem {

// As TextSink, of the choice with this index. Comes from several threads, never from two at once;
// false ends all choices as cancelled.
using ChoiceSink = std::function<bool(std::size_t choice, const TextPiece& piece)>;

// `count` generations, at least one, by the seed of the options plus the index of each: the first
// is what generate() gives for these options, and those that take the likeliest token are all
// equal. The others begin with the first one's first text, so that they find the prompt computed
// (prefix_cache.h) instead of computing it as often. `sink` may be empty. Throws what generate()
// does, when all have ended. Safe from any thread.
std::vector<GenerationResult> generate_choices(const Generator& generator, const Prompt& prompt,
                                               const GenerationOptions& options, std::size_t count,
                                               const ChoiceSink& sink);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_CHOICES_H_
