#include "trainer/answer_metrics.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/utf8.h"

namespace tandem {
namespace {

std::string lower(std::string_view text) {
  std::string lowered;
  icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()).toUTF8String(lowered);
  return lowered;
}

bool is_ascii_punctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

// What Python's regular expressions take for a part of a word. Combining marks are none: an article
// ends before them.
bool is_word_character(char32_t c) {
  const auto code_point = static_cast<UChar32>(c);
  return u_isalpha(code_point) || u_getNumericValue(code_point) != U_NO_NUMERIC_VALUE;
}

bool is_article(std::string_view word) {
  return word == "a" || word == "an" || word == "the";
}

// Runs `visit(run, is_word)` over the longest runs of characters that are of words or are not.
template <typename Visit>
void for_each_run(std::string_view text, const Visit& visit) {
  std::size_t begin = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    const bool word = is_word_character(c.code_point);
    if (word != inside) {
      if (at > begin) visit(text.substr(begin, at - begin), inside);
      begin = at;
      inside = word;
    }
    at += c.size_bytes;
  }
  if (begin < text.size()) visit(text.substr(begin), inside);
}

std::vector<std::string> split_at_spaces(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(at));
    const bool space = u_isspace(static_cast<UChar32>(c.code_point));
    if (!space) {
      if (!inside) words.emplace_back();
      words.back() += text.substr(at, c.size_bytes);
    }
    inside = !space;
    at += c.size_bytes;
  }
  return words;
}

std::vector<std::string> words_of(std::string_view text) {
  std::string bare;
  for (const char c : lower(text)) {
    if (!is_ascii_punctuation(static_cast<unsigned char>(c))) bare += c;
  }
  std::string kept;
  for_each_run(bare, [&](std::string_view run, bool is_word) {
    kept += is_word && is_article(run) ? std::string_view(" ") : run;
  });
  return split_at_spaces(kept);
}

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
  const std::vector<std::string> words = words_of(answer);
  double highest = 0;
  bool any = false;
  for (const std::string& right : answers) {
    const std::vector<std::string> right_words = words_of(right);
    if (right_words.empty()) continue;
    any = true;
    highest = std::max(highest, score(words, right_words));
  }
  return any ? highest : score(words, {});
}

std::vector<std::string> letters_and_digits(std::string_view text) {
  std::vector<std::string> words;
  for_each_run(lower(text), [&](std::string_view run, bool is_word) {
    if (is_word) words.emplace_back(run);
  });
  return words;
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

std::string normalize_answer(std::string_view text) {
  std::string normal;
  for (const std::string& word : words_of(text)) {
    if (!normal.empty()) normal += ' ';
    normal += word;
  }
  return normal;
}

double exact_match(std::string_view answer, std::span<const std::string> answers) {
  return best(answer, answers, [](const auto& words, const std::vector<std::string>& right) {
    return words == right ? 1.0 : 0.0;
  });
}

double token_f1(std::string_view answer, std::span<const std::string> answers) {
  return best(answer, answers, f1);
}

bool holds_answer(std::string_view text, std::span<const std::string> answers) {
  const std::vector<std::string> words = words_of(text);
  for (const std::string& answer : answers) {
    const std::vector<std::string> wanted = words_of(answer);
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
