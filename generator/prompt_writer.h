// Puts a prompt together out of what a chat template wrote.
#ifndef TANDEM_GENERATOR_PROMPT_WRITER_H_
#define TANDEM_GENERATOR_PROMPT_WRITER_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/generator.h"
#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct ControlToken {
  std::string text;
  TokenId id = 0;
};

// Those of a file's vocabulary, longest first: the first that matches is the one to take.
std::vector<ControlToken> read_control_tokens(const GgufFile& file);

// Control tokens are looked for in the template's own text only. What lies between two of them is
// encoded as one piece, whether it came from the template or a message: encoding the parts one by
// one would give other tokens where a word or a run of spaces crosses their border. Only the
// borders of passages that are read by themselves divide it, so that their tokens are the same
// everywhere.
class PromptWriter {
 public:
  // Both must outlive it; `control` as read_control_tokens() orders it.
  PromptWriter(const Tokenizer& tokenizer, std::span<const ControlToken> control)
      : tokenizer_(tokenizer), control_(control) {}

  void add_template_text(std::string_view text);
  void add_message_text(std::string_view text) { run_ += text; }
  // Message text with the marks of passages (prompt.h). A template may have cut off a mark, so they
  // need not be in pairs.
  void add_marked_text(std::string_view text);

  Prompt finish();

 private:
  void end_run();

  const Tokenizer& tokenizer_;
  std::span<const ControlToken> control_;
  std::string run_;
  std::optional<int> begin_;  // of the passage that has not ended
  Prompt prompt_;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_PROMPT_WRITER_H_
