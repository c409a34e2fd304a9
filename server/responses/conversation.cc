#include "server/responses/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "generator/fitted_prompt.h"
#include "server/answer_run.h"

namespace tandem {
namespace {

std::size_t leading_system_messages(const std::vector<ChatMessage>& messages) {
  return static_cast<std::size_t>(
      std::find_if(messages.begin(), messages.end(),
                   [](const ChatMessage& message) { return message.role != "system"; }) -
      messages.begin());
}

// Templates know one system message, at the beginning.
std::vector<ChatMessage> with_instructions(const std::vector<ChatMessage>& messages,
                                           const std::optional<std::string>& instructions) {
  std::string system = instructions.value_or("");
  const std::size_t leading = leading_system_messages(messages);
  for (std::size_t i = 0; i < leading; ++i) {
    if (!system.empty()) system += "\n\n";
    system += messages[i].content;
  }
  std::vector<ChatMessage> prompt;
  if (!system.empty()) prompt.push_back({"system", std::move(system)});
  prompt.insert(prompt.end(), messages.begin() + static_cast<std::ptrdiff_t>(leading),
                messages.end());
  return prompt;
}

void check_length(const std::vector<ChatMessage>& messages) {
  std::size_t bytes = 0;
  for (const ChatMessage& message : messages) bytes += message.content.size();
  if (bytes > kMaxConversationBytes) {
    throw_context_error(fmt::format("The conversation has more than {} bytes of text; begin a new "
                                    "one, or send less.",
                                    kMaxConversationBytes),
                        "input");
  }
}

}  // namespace

Conversation make_conversation(const ResponseRequest& request, std::vector<ChatMessage> before,
                               const Generator& generator) {
  Conversation conversation;
  std::vector<ChatMessage>& kept = conversation.kept;
  kept = std::move(before);
  std::vector<ChatMessage> input = messages_of(request.input);
  std::move(input.begin(), input.end(), std::back_inserter(kept));
  conversation.prompt = with_instructions(kept, request.instructions);
  check_length(conversation.prompt);
  if (!request.truncate) return conversation;

  const std::size_t all = conversation.prompt.size();
  conversation.prompt =
      newest_messages(generator, conversation.prompt, request.options.generation.max_tokens);
  const auto first = kept.begin() + static_cast<std::ptrdiff_t>(leading_system_messages(kept));
  kept.erase(first, first + static_cast<std::ptrdiff_t>(all - conversation.prompt.size()));
  return conversation;
}

}  // namespace tandem
