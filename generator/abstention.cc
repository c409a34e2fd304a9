#include "generator/abstention.h"

#include <algorithm>
#include <string>

#include "generator/answer_words.h"

namespace tandem {
namespace {

// As normalize_answer() leaves them.
constexpr std::string_view kAbstentions[] = {
    "",
    "i do not know",
    "i dont know",
    "i don’t know",
    "i do not know answer",
    "i dont know answer",
    "i don’t know answer",
    "unanswerable",
    "not answerable",
    "no answer",
    "not enough information",
    "passages do not hold answer",
    "passages do not contain answer",
};

}  // namespace

bool is_abstention(std::string_view answer) {
  const std::string normal = normalize_answer(answer);
  return std::find(std::begin(kAbstentions), std::end(kAbstentions), normal) !=
         std::end(kAbstentions);
}

}  // namespace tandem
