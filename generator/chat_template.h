// Chat templates: the subset of Jinja that models carry in their metadata.
#ifndef TANDEM_GENERATOR_CHAT_TEMPLATE_H_
#define TANDEM_GENERATOR_CHAT_TEMPLATE_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

// A stretch of a rendered prompt. Text that came from a message must not be parsed for control
// tokens (see ControlTokens), text of the template itself must.
struct PromptSpan {
  std::string text;
  bool from_message = false;
};

// Immutable; safe from any thread.
class ChatTemplate {
 public:
  // Throws kUnsupported naming the line and the construct that is not understood.
  static std::unique_ptr<ChatTemplate> parse(std::string_view source);
  virtual ~ChatTemplate() = default;

  // Renders as `transformers` does (trim_blocks and lstrip_blocks on). A template that calls
  // raise_exception gives kInvalidArgument with its message. Bounded in steps and output.
  virtual std::vector<PromptSpan> render(std::span<const ChatMessage> messages,
                                         bool add_generation_prompt, std::string_view bos_token,
                                         std::string_view eos_token) const = 0;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_CHAT_TEMPLATE_H_
