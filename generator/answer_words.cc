#include "generator/answer_words.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

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

}  // namespace

std::vector<std::string> answer_words(std::string_view text) {
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

std::string normalize_answer(std::string_view text) {
  std::string normal;
  for (const std::string& word : answer_words(text)) {
    if (!normal.empty()) normal += ' ';
    normal += word;
  }
  return normal;
}

std::vector<std::string> letters_and_digits(std::string_view text) {
  std::vector<std::string> words;
  for_each_run(lower(text), [&](std::string_view run, bool is_word) {
    if (is_word) words.emplace_back(run);
  });
  return words;
}

}  // namespace tandem
