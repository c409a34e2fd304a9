#include "generator/prompt_writer.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "generator/passage_reading.h"
#include "model/tokenizers/token_type.h"

namespace tandem {

std::vector<ControlToken> read_control_tokens(const GgufFile& file) {
  std::vector<ControlToken> control;
  const auto texts = file.texts("tokenizer.ggml.tokens");
  const auto types = file.integers("tokenizer.ggml.token_type");
  if (!texts || !types) return control;
  for (std::size_t i = 0; i < std::min(texts->size(), types->size()); ++i) {
    const auto type = static_cast<TokenType>((*types)[i]);
    if ((type == TokenType::kControl || type == TokenType::kUserDefined) && !(*texts)[i].empty())
      control.push_back({std::string((*texts)[i]), static_cast<TokenId>(i)});
  }
  std::stable_sort(control.begin(), control.end(),
                   [](const auto& a, const auto& b) { return a.text.size() > b.text.size(); });
  return control;
}

void PromptWriter::add_template_text(std::string_view text) {
  while (!text.empty()) {
    const auto token = std::find_if(control_.begin(), control_.end(), [&](const auto& control) {
      return text.starts_with(control.text);
    });
    if (token == control_.end()) {
      run_.push_back(text.front());
      text.remove_prefix(1);
    } else {
      end_run();
      prompt_.tokens.push_back(token->id);
      text.remove_prefix(token->text.size());
    }
  }
}

void PromptWriter::add_marked_text(std::string_view text) {
  while (true) {
    const std::size_t mark = find_passage_mark(text);
    run_ += text.substr(0, mark);
    if (mark == std::string_view::npos) return;
    end_run();
    const int here = static_cast<int>(prompt_.tokens.size());
    if (text.substr(mark).starts_with(kPassageBegin)) {
      begin_ = here;
    } else if (begin_ && *begin_ < here) {
      prompt_.passages.push_back({*begin_, here});
    }
    if (text.substr(mark).starts_with(kPassageEnd)) begin_.reset();
    text.remove_prefix(mark + kPassageMarkBytes);
  }
}

Prompt PromptWriter::finish() {
  end_run();
  // Most templates write the first token themselves; those that leave it to the tokenizer get it.
  const auto prefix = tokenizer_.prefix();
  auto& tokens = prompt_.tokens;
  if (tokens.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), tokens.begin())) {
    tokens.insert(tokens.begin(), prefix.begin(), prefix.end());
    for (PositionRange& passage : prompt_.passages) {
      passage.begin += static_cast<int>(prefix.size());
      passage.end += static_cast<int>(prefix.size());
    }
  }
  // Something has to come after a passage for the answer to follow from.
  if (!prompt_.passages.empty() &&
      static_cast<std::size_t>(prompt_.passages.back().end) == tokens.size())
    prompt_.passages.pop_back();
  return std::move(prompt_);
}

void PromptWriter::end_run() {
  const auto encoded = tokenizer_.encode(run_, ControlTokens::kAsText);
  prompt_.tokens.insert(prompt_.tokens.end(), encoded.begin(), encoded.end());
  run_.clear();
}

}  // namespace tandem
