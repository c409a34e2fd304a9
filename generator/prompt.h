// The prompt that puts retrieved passages before the model.
#ifndef TANDEM_GENERATOR_PROMPT_H_
#define TANDEM_GENERATOR_PROMPT_H_

#include <span>
#include <string>
#include <vector>

#include "generator/chat_template.h"
#include "generator/passage_reading.h"
#include "retriever/retriever.h"

namespace tandem {

// The conversation with the passages put before its last user message in the order given, and an
// instruction to answer from them. A system message of the caller's own is kept, after ours.
// Without passages the conversation comes back as it is. Throws kInvalidArgument unless the last
// message is the user's. Pure; safe from any thread.
//
// Passages that are read together are numbered from 1. Those that are read independently are marked
// (passage_reading.h) and have no number: a passage is the same wherever it stands, down to the
// line breaks that end it.
std::vector<ChatMessage> with_passages(std::span<const ChatMessage> conversation,
                                       std::span<const Hit> hits,
                                       PassageReading reading = PassageReading::kTogether);

// The question that retrieval is asked: the last user message.
const std::string& question_of(std::span<const ChatMessage> conversation);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_PROMPT_H_
