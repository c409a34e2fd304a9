// What a response is an answer to: instructions, what was said before, and the input.
#ifndef TANDEM_SERVER_RESPONSES_CONVERSATION_H_
#define TANDEM_SERVER_RESPONSES_CONVERSATION_H_

#include <cstddef>
#include <vector>

#include "generator/generator.h"
#include "server/responses/request.h"

namespace tandem {

// Of the text of all messages; longer conversations are refused before they are tokenized.
inline constexpr std::size_t kMaxConversationBytes = 8u << 20;

struct Conversation {
  // For the generator. System messages at the beginning are one, the instructions first.
  std::vector<ChatMessage> prompt;
  // For the record: the same without the instructions.
  std::vector<ChatMessage> kept;
};

// `before` is ResponseRecord::conversation of the previous response, or empty. Where the request
// wants it, the oldest messages that do not fit the generator's context are left out. Throws
// RequestError (400, "context_length_exceeded") for what is longer than kMaxConversationBytes.
// Safe from any thread.
Conversation make_conversation(const ResponseRequest& request, std::vector<ChatMessage> before,
                               const Generator& generator);

}  // namespace tandem

#endif  // TANDEM_SERVER_RESPONSES_CONVERSATION_H_
