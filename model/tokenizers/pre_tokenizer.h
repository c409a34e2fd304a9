// Cutting a text into the pieces that byte-level BPE merges within: the `pre_tokenizer` of
// tokenizer.json, up to and including ByteLevel.
#ifndef TANDEM_MODEL_TOKENIZERS_PRE_TOKENIZER_H_
#define TANDEM_MODEL_TOKENIZERS_PRE_TOKENIZER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizers/regex_split.h"
#include "model/tokenizers/split_patterns.h"

namespace tandem {

// What becomes of the stretches that a Split pattern matches; names of tokenizer.json.
enum class SplitBehavior {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous,
};

// One step: a piece of text in, pieces out, from left to right. Immutable; safe from any thread.
class PreTokenizerStep {
 public:
  using Sink = std::function<void(std::string_view)>;

  virtual ~PreTokenizerStep() = default;
  // `text` is valid UTF-8. Pieces live until the sink returns, and may be empty.
  virtual void split(std::string_view text, const Sink& sink) const = 0;
};

// Exactly one of the three says what is searched.
struct SplitOptions {
  std::optional<SplitPattern> pattern{};
  std::string regex{};
  std::string literal{};
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // the pattern describes what to keep, not what to cut at
};

std::unique_ptr<PreTokenizerStep> make_split_step(const SplitOptions& options);
std::unique_ptr<PreTokenizerStep> make_digits_step(bool individual_digits);
// Puts a space before each piece that does not begin with one.
std::unique_ptr<PreTokenizerStep> make_prefix_space_step();

// The chain of all steps. Immutable; safe from any thread.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<std::unique_ptr<PreTokenizerStep>> steps)
      : steps_(std::move(steps)) {}

  // Pieces that reach the sink are not empty.
  void split(std::string_view text, const PreTokenizerStep::Sink& sink) const;

 private:
  void run(std::size_t step, std::string_view text, const PreTokenizerStep::Sink& sink) const;

  std::vector<std::unique_ptr<PreTokenizerStep>> steps_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_PRE_TOKENIZER_H_
