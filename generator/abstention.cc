#include "generator/abstention.h"

#include <algorithm>
#include <string>

namespace tandem {
namespace {

// As plain_words() leaves them.
constexpr std::string_view kAbstentions[] = {
    "",
    "i do not know",
    "i dont know",
    "i do not know answer",
    "i dont know answer",
    "unanswerable",
    "not answerable",
    "no answer",
    "not enough information",
    "passages do not hold answer",
    "passages do not contain answer",
};

// Words in lower case with one space between them, without articles, punctuation and apostrophes,
// straight or not.
std::string plain_words(std::string_view text) {
  constexpr std::string_view kApostrophe = "’";
  std::string words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && word != "a" && word != "an" && word != "the") {
      words += (words.empty() ? "" : " ") + word;
    }
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (text.substr(i).starts_with(kApostrophe)) {
      i += kApostrophe.size() - 1;
    } else if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')) {
      word += text[i];
    } else if (c >= 'A' && c <= 'Z') {
      word += static_cast<char>(c - 'A' + 'a');
    } else if (c != '\'') {
      end_word();
    }
  }
  end_word();
  return words;
}

}  // namespace

bool is_abstention(std::string_view answer) {
  const std::string words = plain_words(answer);
  return std::find(std::begin(kAbstentions), std::end(kAbstentions), words) !=
         std::end(kAbstentions);
}

}  // namespace tandem
