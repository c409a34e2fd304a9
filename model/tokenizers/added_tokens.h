// Tokens that are found in the text itself, before any other rule: control tokens ("<|im_end|>")
// and tokens added to a trained vocabulary. Follows AddedVocabulary of Hugging Face `tokenizers`:
// leftmost, then longest match; `encode_special_tokens` is our ControlTokens::kAsText.
#ifndef TANDEM_MODEL_TOKENIZERS_ADDED_TOKENS_H_
#define TANDEM_MODEL_TOKENIZERS_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct AddedToken {
  std::string content;
  TokenId id = -1;
  bool special = false;      // a control token
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;
  bool normalized = false;  // searched in the normalised text instead of the raw one
};

// A stretch of text, or an added token when id >= 0.
struct TextSegment {
  std::string_view text;
  TokenId id = -1;
};

// One set of tokens to search for. Immutable; safe from any thread.
class AddedTokenMatcher {
 public:
  // Tokens with an empty content are left out.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  // True if split() would return the whole text as one segment whatever the text.
  bool never_matches(ControlTokens control) const;

  // `text` is valid UTF-8. Segments of text are never empty.
  std::vector<TextSegment> split(std::string_view text, ControlTokens control) const;

 private:
  struct Match {
    const AddedToken* token = nullptr;
    std::size_t size = 0;
  };
  Match longest_match(std::string_view text) const;

  // A trie over bytes: the edges of a node, sorted by byte.
  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> edges;
    std::int32_t token = -1;
  };
  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<bool, 256> starts_{};  // bytes that some token starts with
  bool all_special_ = true;
};

// Both searches of the reference: raw text first, then the normalised text between its matches.
class AddedTokens {
 public:
  using Normalize = std::function<std::string(std::string_view)>;

  // `normalize` may be empty: then texts pass unchanged.
  AddedTokens(const std::vector<AddedToken>& tokens, Normalize normalize);

  // Calls on_text(normalised text) and on_token(id) from left to right. `text` is valid UTF-8.
  template <typename OnText, typename OnToken>
  void visit(std::string_view text, ControlTokens control, OnText&& on_text,
             OnToken&& on_token) const {
    if (raw_.never_matches(control)) {
      visit_normalized(text, control, on_text, on_token);
      return;
    }
    for (const TextSegment& segment : raw_.split(text, control)) {
      if (segment.id >= 0) {
        on_token(segment.id);
      } else {
        visit_normalized(segment.text, control, on_text, on_token);
      }
    }
  }

 private:
  template <typename OnText, typename OnToken>
  void visit_normalized(std::string_view text, ControlTokens control, OnText& on_text,
                        OnToken& on_token) const {
    std::string normalized;
    if (normalize_) {
      normalized = normalize_(text);
      text = normalized;
    }
    if (normalized_.never_matches(control)) {
      on_text(text);
      return;
    }
    for (const TextSegment& segment : normalized_.split(text, control)) {
      if (segment.id >= 0) {
        on_token(segment.id);
      } else {
        on_text(segment.text);
      }
    }
  }

  Normalize normalize_;
  AddedTokenMatcher raw_;
  AddedTokenMatcher normalized_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_ADDED_TOKENS_H_
