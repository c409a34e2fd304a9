#include "retriever/lexical_query.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"

namespace tandem {
namespace {

constexpr std::string_view kSpaces = " \t\r\n\f\v";

bool holds(std::span<const std::string> passage, const std::string& term) {
  return std::find(passage.begin(), passage.end(), term) != passage.end();
}

bool holds(std::span<const std::string> passage, const std::vector<std::string>& phrase) {
  return std::search(passage.begin(), passage.end(), phrase.begin(), phrase.end()) != passage.end();
}

// Letters and digits of any script: all that is not ASCII counts as one.
bool begins_word(std::string_view text) {
  if (text.empty()) return false;
  const auto c = static_cast<unsigned char>(text[0]);
  return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void add_unique(const std::string& term, std::vector<std::string>& terms) {
  if (std::find(terms.begin(), terms.end(), term) == terms.end()) terms.push_back(term);
}

class QueryBuilder {
 public:
  explicit QueryBuilder(const TextAnalysis& analysis) : analysis_(analysis) {}

  void words(std::string_view text) {
    add_text(text);
    for (const std::string& term : analysis_.terms(text)) score(term);
  }

  // Several terms are a phrase, whether they were quoted or are one word to the user ("e-mail").
  void condition(char sign, std::string_view text) {
    const std::vector<std::string> terms = analysis_.terms(text);
    if (conditions_ += terms.size(); conditions_ > kMaxQueryTerms) {
      throw Error(ErrorCode::kInvalidArgument,
                  "the query has more than " + std::to_string(kMaxQueryTerms) +
                      " words in quotes or with a sign",
                  "shorten it");
    }
    if (sign == '-') {
      if (terms.size() == 1) add_unique(terms[0], query_.excluded);
      if (terms.size() > 1) query_.excluded_phrases.push_back(terms);
      return;
    }
    add_text(text);
    if (terms.size() > 1) query_.phrases.push_back(terms);
    for (const std::string& term : terms) {
      score(term);
      add_unique(term, query_.required);
    }
  }

  LexicalQuery take() {
    // Conditions come first where terms are too many: each of them must be looked up.
    std::stable_partition(query_.terms.begin(), query_.terms.end(),
                          [&](const TermCount& term) { return holds(query_.required, term.term); });
    if (query_.terms.size() > kMaxQueryTerms) query_.terms.resize(kMaxQueryTerms);
    return std::move(query_);
  }

 private:
  void add_text(std::string_view text) {
    if (text.empty()) return;
    if (!query_.text.empty()) query_.text += ' ';
    query_.text += text;
  }

  void score(const std::string& term) {
    const auto [place, is_new] = places_.try_emplace(term, query_.terms.size());
    if (is_new) query_.terms.push_back({term, 0});
    ++query_.terms[place->second].count;
  }

  const TextAnalysis& analysis_;
  LexicalQuery query_;
  std::unordered_map<std::string, std::size_t> places_;  // in query_.terms
  std::size_t conditions_ = 0;
};

}  // namespace

bool LexicalQuery::has_conditions() const {
  return !required.empty() || !excluded.empty() || has_phrases();
}

bool LexicalQuery::allows(std::span<const std::string> passage) const {
  const auto is_there = [&](const auto& wanted) { return holds(passage, wanted); };
  return std::all_of(required.begin(), required.end(), is_there) &&
         std::all_of(phrases.begin(), phrases.end(), is_there) &&
         std::none_of(excluded.begin(), excluded.end(), is_there) &&
         std::none_of(excluded_phrases.begin(), excluded_phrases.end(), is_there);
}

LexicalQuery parse_query(std::string_view query, const TextAnalysis& analysis) {
  QueryBuilder builder(analysis);
  // Words without conditions are analysed together, as they stand.
  std::size_t words_begin = 0;
  std::size_t at = 0;
  const auto end_words = [&](std::size_t end) {
    const std::string_view words = query.substr(words_begin, end - words_begin);
    const std::size_t first = words.find_first_not_of(kSpaces);
    if (first == std::string_view::npos) return;
    builder.words(words.substr(first, words.find_last_not_of(kSpaces) + 1 - first));
  };
  while ((at = query.find_first_not_of(kSpaces, at)) != std::string_view::npos) {
    const std::size_t begin = at;
    const bool has_sign = query[at] == '+' || query[at] == '-';
    const char sign = has_sign ? query[at++] : '+';
    if (at < query.size() && query[at] == '"') {
      const std::size_t end = query.find('"', at + 1);
      if (end != std::string_view::npos) {
        end_words(begin);
        builder.condition(sign, query.substr(at + 1, end - at - 1));
        words_begin = at = end + 1;
        continue;
      }
    }
    const std::size_t end = std::min(query.find_first_of(kSpaces, at), query.size());
    if (has_sign && begins_word(query.substr(at))) {
      end_words(begin);
      builder.condition(sign, query.substr(at, end - at));
      words_begin = end;
    }
    at = end;
  }
  end_words(query.size());
  return builder.take();
}

LexicalQuery query_of_words(std::string_view query, const TextAnalysis& analysis) {
  QueryBuilder builder(analysis);
  builder.words(query);
  return builder.take();
}

}  // namespace tandem
