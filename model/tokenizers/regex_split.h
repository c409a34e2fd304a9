// Cutting text by a regular expression that a tokenizer.json brings along, by ICU.
//
// ICU backtracks, so both its time and its stack are limited: a text that passes the limits is
// refused, it never hangs or crashes the process. Character classes are those of the installed ICU,
// which may know newer or older characters than the reference's engine.
#ifndef TANDEM_MODEL_TOKENIZERS_REGEX_SPLIT_H_
#define TANDEM_MODEL_TOKENIZERS_REGEX_SPLIT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

// A stretch of a text and whether the pattern matched it.
struct RegexPiece {
  std::string_view text;
  bool matched = false;
};

// Immutable; safe from any thread.
class RegexSplitter {
 public:
  // Throws kUnsupported for an expression that ICU does not understand.
  explicit RegexSplitter(const std::string& regex);
  ~RegexSplitter();

  // The whole of `text` in order, matched and unmatched. Empty stretches are left out; an empty
  // match cuts. Throws kTooLarge when a limit is passed.
  std::vector<RegexPiece> split(std::string_view text) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_REGEX_SPLIT_H_
