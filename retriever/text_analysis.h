// Text to terms: what lexical search counts.
//
// A text is normalised and case-folded (Unicode NFKC_Casefold), cut into words (UAX 29, by ICU) and
// each word is reduced to its stem (Porter 2001, "Snowball: A language for stemming algorithms").
// Runs of Chinese, Japanese and Korean characters become overlapping pairs of characters: nothing
// has to guess where their words end, neither when a passage is indexed nor when it is asked for.
// No word is left out as too common: a phrase may need it, and its weight is small by itself.
#ifndef TANDEM_RETRIEVER_TEXT_ANALYSIS_H_
#define TANDEM_RETRIEVER_TEXT_ANALYSIS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace tandem {

inline constexpr char kDefaultLanguage[] = "english";
// Longer terms are cut; words of a language are shorter.
inline constexpr std::size_t kMaxTermBytes = 64;

// Immutable; all methods may be called from any thread.
class TextAnalysis {
 public:
  // `language` is one of analysis_languages(). Throws kInvalidArgument for any other.
  explicit TextAnalysis(std::string_view language = kDefaultLanguage);

  const std::string& language() const { return language_; }
  // Equal ids, equal terms: the language and the version of what this class does. The store keeps
  // it, so that a change of either is seen.
  std::string id() const;

  // In the order of the text, which must be valid UTF-8. Never empty, without NUL.
  std::vector<std::string> terms(std::string_view text) const;
  // The same counted, each term once, sorted.
  PassageTerms count(std::string_view text) const;

 private:
  std::string language_;
};

// Snowball's, and "none", which leaves words as they are.
std::vector<std::string> analysis_languages();
// The language in TextAnalysis::id(); empty if `id` is.
std::string_view language_of_analysis(std::string_view id);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_TEXT_ANALYSIS_H_
