// A prompt that leaves room for the answer.
#ifndef TANDEM_GENERATOR_FITTED_PROMPT_H_
#define TANDEM_GENERATOR_FITTED_PROMPT_H_

#include <span>
#include <vector>

#include "generator/generator.h"
#include "generator/passage_order.h"
#include "retriever/retriever.h"

namespace tandem {

struct FittedPrompt {
  Prompt prompt;
  std::vector<Hit> hits;  // those that are in it, in its order
};

// The conversation with the passages before its last message (prompt.h), as the generator reads
// them. Passages are left out, worst first, until the prompt leaves the answer `max_tokens`, or 256
// or a quarter of the context if that is less; where the conversation alone is too long, it is for
// generate() to say so. `hits` come best first; `orders`, which may be null, arranges them.
// Safe from any thread.
FittedPrompt fit_prompt(const Generator& generator, std::span<const ChatMessage> messages,
                        std::vector<Hit> hits, int max_tokens, const RecentOrders* orders);

// Whether generate() can answer the conversation without passages: whether its prompt leaves room
// for a token. Safe from any thread.
bool fits_context(const Generator& generator, std::span<const ChatMessage> messages);

// The conversation without its oldest messages, as few as can go so that the prompt leaves the
// answer what fit_prompt() reserves for it. System messages at the beginning stay, and so does the
// last message; those that are left begin with one of the user's, since templates expect that.
// Where even so it is too long, it is for generate() to say so. Safe from any thread.
std::vector<ChatMessage> newest_messages(const Generator& generator,
                                         std::span<const ChatMessage> messages, int max_tokens);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_FITTED_PROMPT_H_
