// What a query asks of the words of a passage.
//
//   query = (sign? (word | '"' text '"'))*     parted by white space; sign is + or -
//
// A word in the query raises the score of passages that hold it. Every passage that is found holds
// each +word and each "text in quotes", word by word in this order, and no -word. A sign counts
// only before a letter, a digit or a quote, and a quote only where a word could begin, so that
// "--help", "C++" and 5'11" are words. What is not closed is not a quote.
#ifndef TANDEM_RETRIEVER_LEXICAL_QUERY_H_
#define TANDEM_RETRIEVER_LEXICAL_QUERY_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retriever/text_analysis.h"

namespace tandem {

// Terms of one query, at most: each costs a look into the store.
inline constexpr std::size_t kMaxQueryTerms = 256;

struct LexicalQuery {
  std::vector<TermCount> terms;       // what scores, with their number in the query
  std::vector<std::string> required;  // those of `terms` that no passage may lack
  std::vector<std::string> excluded;
  std::vector<std::vector<std::string>> phrases;  // of at least 2 terms, all of them in `required`
  std::vector<std::vector<std::string>> excluded_phrases;
  std::string text;  // the query without signs, quotes and what is excluded: for an encoder

  bool has_conditions() const;
  bool has_phrases() const { return !phrases.empty() || !excluded_phrases.empty(); }
  // Whether a passage of these terms, in order, meets all conditions.
  bool allows(std::span<const std::string> passage) const;
};

// Both are safe from any thread. Terms beyond the first kMaxQueryTerms do not count; where they are
// conditions, parse_query throws kInvalidArgument.
LexicalQuery parse_query(std::string_view query, const TextAnalysis& analysis);
// All of it words, whatever signs and quotes are in it.
LexicalQuery query_of_words(std::string_view query, const TextAnalysis& analysis);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_LEXICAL_QUERY_H_
