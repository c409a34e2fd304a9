#include "model/tokenizers/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "model/tokenizers/character_classes.h"

namespace tandem {
namespace {

// Every character of these patterns is matched or stands alone, and all are isolated: the pieces go
// on as they are found.
class IsolatedPatternStep : public PreTokenizerStep {
 public:
  explicit IsolatedPatternStep(SplitPattern pattern) : pattern_(pattern) {}

  void split(std::string_view text, const Sink& sink) const override {
    while (!text.empty()) {
      const std::size_t size = next_split(pattern_, text).size_bytes;
      sink(text.substr(0, size));
      text.remove_prefix(size);
    }
  }

 private:
  SplitPattern pattern_;
};

std::vector<RegexPiece> split_by_literal(std::string_view text, std::string_view literal) {
  std::vector<RegexPiece> pieces;
  while (!text.empty()) {
    const std::size_t found = text.find(literal);
    if (found != 0) pieces.push_back({text.substr(0, found), false});
    if (found == std::string_view::npos) break;
    pieces.push_back({text.substr(found, literal.size()), true});
    text.remove_prefix(found + literal.size());
  }
  return pieces;
}

std::vector<RegexPiece> split_by_pattern(std::string_view text, SplitPattern pattern) {
  std::vector<RegexPiece> pieces;
  while (!text.empty()) {
    const SplitMatch match = next_split(pattern, text);
    pieces.push_back({text.substr(0, match.size_bytes), match.matched});
    text.remove_prefix(match.size_bytes);
  }
  return pieces;
}

// Joins two neighbouring stretches of one text.
std::string_view join(std::string_view left, std::string_view right) {
  return {left.data(), static_cast<std::size_t>(right.data() + right.size() - left.data())};
}

void emit(std::vector<RegexPiece> pieces, SplitBehavior behavior,
          const PreTokenizerStep::Sink& sink) {
  std::vector<std::string_view> out;
  out.reserve(pieces.size());
  bool previous_matched = false;
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const RegexPiece& piece : pieces) {
        if (!piece.matched) out.push_back(piece.text);
      }
      break;
    case SplitBehavior::kIsolated:
      for (const RegexPiece& piece : pieces) out.push_back(piece.text);
      break;
    case SplitBehavior::kMergedWithPrevious:
      for (const RegexPiece& piece : pieces) {
        if (piece.matched && !previous_matched && !out.empty()) {
          out.back() = join(out.back(), piece.text);
        } else {
          out.push_back(piece.text);
        }
        previous_matched = piece.matched;
      }
      break;
    case SplitBehavior::kMergedWithNext: {
      // The mirror image of the one above, from right to left.
      for (std::size_t i = pieces.size(); i-- > 0;) {
        if (pieces[i].matched && !previous_matched && !out.empty()) {
          out.back() = join(pieces[i].text, out.back());
        } else {
          out.push_back(pieces[i].text);
        }
        previous_matched = pieces[i].matched;
      }
      std::reverse(out.begin(), out.end());
      break;
    }
    case SplitBehavior::kContiguous:
      for (const RegexPiece& piece : pieces) {
        if (!out.empty() && piece.matched == previous_matched) {
          out.back() = join(out.back(), piece.text);
        } else {
          out.push_back(piece.text);
        }
        previous_matched = piece.matched;
      }
      break;
  }
  for (const std::string_view piece : out) sink(piece);
}

class SplitStep : public PreTokenizerStep {
 public:
  explicit SplitStep(const SplitOptions& options) : options_(options) {
    if (!options_.regex.empty()) regex_ = std::make_unique<RegexSplitter>(options_.regex);
  }

  void split(std::string_view text, const Sink& sink) const override {
    std::vector<RegexPiece> pieces = regex_             ? regex_->split(text)
                                     : options_.pattern ? split_by_pattern(text, *options_.pattern)
                                                        : split_by_literal(text, options_.literal);
    if (options_.invert) {
      for (RegexPiece& piece : pieces) piece.matched = !piece.matched;
    }
    emit(std::move(pieces), options_.behavior, sink);
  }

 private:
  SplitOptions options_;
  std::unique_ptr<RegexSplitter> regex_;
};

class DigitsStep : public PreTokenizerStep {
 public:
  explicit DigitsStep(bool individual_digits) : individual_digits_(individual_digits) {}

  void split(std::string_view text, const Sink& sink) const override {
    const CharacterClasses& classes = character_classes();
    std::size_t begin = 0;
    bool previous_digit = false;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t next = at;
      const bool digit = classes.is(next_code_point(text, next), kDigit);
      const bool cut = digit ? !previous_digit || individual_digits_ : previous_digit;
      if (cut && at > begin) {
        sink(text.substr(begin, at - begin));
        begin = at;
      }
      previous_digit = digit;
      at = next;
    }
    sink(text.substr(begin));
  }

 private:
  bool individual_digits_;
};

class PrefixSpaceStep : public PreTokenizerStep {
 public:
  void split(std::string_view text, const Sink& sink) const override {
    if (text.empty() || text[0] == ' ') {
      sink(text);
      return;
    }
    std::string with_space;
    with_space.reserve(text.size() + 1);
    with_space += ' ';
    with_space += text;
    sink(with_space);
  }
};

}  // namespace

std::unique_ptr<PreTokenizerStep> make_split_step(const SplitOptions& options) {
  const int kinds = (options.pattern ? 1 : 0) + (options.regex.empty() ? 0 : 1) +
                    (options.literal.empty() ? 0 : 1);
  TANDEM_CHECK(kinds == 1);
  if (options.pattern && options.behavior == SplitBehavior::kIsolated) {
    return std::make_unique<IsolatedPatternStep>(*options.pattern);
  }
  return std::make_unique<SplitStep>(options);
}

std::unique_ptr<PreTokenizerStep> make_digits_step(bool individual_digits) {
  return std::make_unique<DigitsStep>(individual_digits);
}

std::unique_ptr<PreTokenizerStep> make_prefix_space_step() {
  return std::make_unique<PrefixSpaceStep>();
}

void PreTokenizer::split(std::string_view text, const PreTokenizerStep::Sink& sink) const {
  run(0, text, sink);
}

void PreTokenizer::run(std::size_t step, std::string_view text,
                       const PreTokenizerStep::Sink& sink) const {
  if (text.empty()) return;
  if (step == steps_.size()) {
    sink(text);
    return;
  }
  steps_[step]->split(text, [&, step](std::string_view piece) { run(step + 1, piece, sink); });
}

}  // namespace tandem
