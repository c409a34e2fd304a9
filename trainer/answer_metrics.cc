#include "trainer/answer_metrics.h"

#include <algorithm>
#include <map>
#include <vector>

#include "generator/answer_words.h"

namespace tandem {
namespace {

double harmonic_mean(std::size_t common, std::size_t size, std::size_t other_size) {
  if (common == 0) return 0;
  return 2.0 * static_cast<double>(common) / static_cast<double>(size + other_size);
}

double f1(const std::vector<std::string>& answer, const std::vector<std::string>& right) {
  if (answer.empty() || right.empty()) return answer.empty() && right.empty() ? 1 : 0;
  std::map<std::string_view, std::size_t> left;
  for (const std::string& word : right) ++left[word];
  std::size_t common = 0;
  for (const std::string& word : answer) {
    const auto found = left.find(word);
    if (found == left.end() || found->second == 0) continue;
    --found->second;
    ++common;
  }
  return harmonic_mean(common, answer.size(), right.size());
}

// The best score of `answer` against the words of each right one.
template <typename Score>
double best(std::string_view answer, std::span<const std::string> answers, const Score& score) {
  const std::vector<std::string> words = answer_words(answer);
  double highest = 0;
  bool any = false;
  for (const std::string& right : answers) {
    const std::vector<std::string> right_words = answer_words(right);
    if (right_words.empty()) continue;
    any = true;
    highest = std::max(highest, score(words, right_words));
  }
  return any ? highest : score(words, {});
}

std::size_t longest_common_subsequence(const std::vector<std::string>& a,
                                       const std::vector<std::string>& b) {
  std::vector<std::size_t> lengths(b.size() + 1);  // of the part of a so far and each part of b
  for (const std::string& word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = lengths[j + 1];
      lengths[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, lengths[j]);
      diagonal = above;
    }
  }
  return lengths.back();
}

}  // namespace

double exact_match(std::string_view answer, std::span<const std::string> answers) {
  return best(answer, answers, [](const auto& words, const std::vector<std::string>& right) {
    return words == right ? 1.0 : 0.0;
  });
}

double token_f1(std::string_view answer, std::span<const std::string> answers) {
  return best(answer, answers, f1);
}

bool holds_answer(std::string_view text, std::span<const std::string> answers) {
  const std::vector<std::string> words = answer_words(text);
  for (const std::string& answer : answers) {
    const std::vector<std::string> wanted = answer_words(answer);
    if (!wanted.empty() &&
        std::search(words.begin(), words.end(), wanted.begin(), wanted.end()) != words.end())
      return true;
  }
  return false;
}

double rouge_l(std::string_view answer, std::span<const std::string> answers) {
  const std::vector<std::string> words = letters_and_digits(answer);
  double highest = 0;
  for (const std::string& text : answers) {
    const std::vector<std::string> right = letters_and_digits(text);
    const std::size_t common = longest_common_subsequence(words, right);
    highest = std::max(highest, harmonic_mean(common, words.size(), right.size()));
  }
  return highest;
}

}  // namespace tandem
