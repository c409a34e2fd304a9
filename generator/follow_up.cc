#include "generator/follow_up.h"

#include <map>
#include <utility>

#include "base/error.h"

namespace tandem {
namespace {

constexpr int kFormerQuestions = 2;

bool is_question(const ChatMessage& message) {
  return message.role == "user" && message.content.size() <= kMaxQuestionBytes &&
         message.content.find_first_not_of(" \t\r\n\f\v") != std::string::npos;
}

}  // namespace

std::optional<std::string> question_with_former(std::span<const ChatMessage> conversation) {
  TANDEM_CHECK(!conversation.empty());
  std::string text = conversation.back().content;
  int found = 0;
  for (std::size_t i = conversation.size() - 1; i-- > 0 && found < kFormerQuestions;) {
    if (!is_question(conversation[i])) continue;
    text += "\n" + conversation[i].content;
    ++found;
  }
  return found == 0 ? std::nullopt : std::optional(std::move(text));
}

std::vector<Hit> fuse_hits(std::vector<Hit> alone, std::vector<Hit> with_former,
                           std::size_t limit) {
  std::map<PassageId, Hit> fused;
  const auto add = [&](std::vector<Hit>& hits, float weight) {
    for (Hit& hit : hits) {
      const float score = weight * hit.score;
      const auto [place, is_new] = fused.try_emplace(hit.passage.id, std::move(hit));
      place->second.score = is_new ? score : place->second.score + score;
    }
  };
  add(alone, 1 - kFormerQuestionsWeight);
  add(with_former, kFormerQuestionsWeight);
  return best_hits(std::move(fused), limit);
}

}  // namespace tandem
