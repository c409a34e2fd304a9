#include "generator/prompt.h"

#include "base/error.h"
#include "retriever/passage_text.h"

namespace tandem {
namespace {

// Short on purpose: small models follow one plain sentence better than a page of rules.
constexpr char kInstruction[] =
    "Answer the question in a few sentences, using only the passages. If the passages do not hold "
    "the answer, say that you do not know.";

std::string format_passage(const Passage& passage) {
  return title_with_headings(passage.title, passage.heading_path) + "\n" + passage.text + "\n\n";
}

std::string format_passages(std::span<const Hit> hits, PassageReading reading) {
  std::string text = "Passages:\n";
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const std::string passage = format_passage(hits[i].passage);
    if (reading == PassageReading::kTogether) {
      text += "[" + std::to_string(i + 1) + "] " + passage;
    } else {
      text.append(kPassageBegin).append(without_passage_marks(passage)).append(kPassageEnd);
    }
  }
  return text;
}

}  // namespace

const std::string& question_of(std::span<const ChatMessage> conversation) {
  if (conversation.empty() || conversation.back().role != "user") {
    throw Error(ErrorCode::kInvalidArgument, "the last message must have the role 'user'",
                "end the conversation with the question");
  }
  return conversation.back().content;
}

std::vector<ChatMessage> with_passages(std::span<const ChatMessage> conversation,
                                       std::span<const Hit> hits, PassageReading reading) {
  question_of(conversation);
  std::vector<ChatMessage> messages(conversation.begin(), conversation.end());
  if (hits.empty()) return messages;
  if (reading == PassageReading::kIndependent) {
    for (ChatMessage& message : messages) message.content = without_passage_marks(message.content);
  }
  messages.back().content = format_passages(hits, reading) + "Question: " + messages.back().content;
  if (messages.front().role == "system") {
    messages.front().content = kInstruction + std::string("\n") + messages.front().content;
  } else {
    messages.insert(messages.begin(), {"system", kInstruction});
  }
  return messages;
}

}  // namespace tandem
