#include "model/tokenizers/gguf_sentence_piece.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "model/tokenizers/sentence_piece.h"
#include "model/tokenizers/sentence_piece_model.h"
#include "model/tokenizers/token_type.h"

namespace tandem {
namespace {

// Ten times what Gemma's 262,144 tokens take. The library and our search for control tokens need
// some forty bytes for each.
constexpr std::size_t kMostTokenBytes = 32 << 20;

// What the library finds of user-defined tokens that begin at one place; it reads beyond the end of
// an array on the stack if there are more (PrefixMatcher::PrefixMatch, kResultSize).
constexpr std::size_t kMostNestedTokens = 64;

// Written instead of a space inside pieces: U+2581.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

std::string with_marks(std::string_view token) {
  std::string piece;
  for (const char c : token) {
    if (c == ' ') {
      piece += kSpaceMark;
    } else {
      piece.push_back(c);
    }
  }
  return piece;
}

class EntryReader {
 public:
  explicit EntryReader(const GgufVocabulary& vocabulary)
      : vocabulary_(vocabulary), unknown_(find_unknown()) {
    auto scores = vocabulary.file().floats("tokenizer.ggml.scores");
    if (!scores || scores->size() != vocabulary.tokens().size() || vocabulary.types().empty()) {
      vocabulary.fail("it needs a score and a type for each of its " +
                      std::to_string(vocabulary.tokens().size()) + " tokens");
    }
    scores_ = std::move(*scores);
  }

  std::vector<SentencePieceEntry> read() const {
    std::vector<SentencePieceEntry> entries;
    entries.reserve(vocabulary_.tokens().size());  // `seen` points into it
    std::unordered_set<std::string_view> seen;
    seen.reserve(vocabulary_.tokens().size());
    std::size_t size_bytes = 0;
    for (std::size_t i = 0; i < vocabulary_.tokens().size(); ++i) {
      size_bytes += vocabulary_.tokens()[i].size();
      if (size_bytes > kMostTokenBytes) vocabulary_.fail("its tokens take too many bytes");
      entries.push_back(read_entry(i));
      if (!seen.insert(entries.back().piece).second) fail(i, "is there twice");
    }
    check_nesting(entries);
    return entries;
  }

 private:
  // The converter of Gemma types it as a control token.
  std::size_t find_unknown() const {
    if (const auto id = vocabulary_.id("tokenizer.ggml.unknown_token_id")) {
      return static_cast<std::size_t>(*id);
    }
    const auto& types = vocabulary_.types();
    const auto typed = std::ranges::find(types, static_cast<std::int64_t>(TokenType::kUnknown));
    // 0 is what llama.cpp takes it to be.
    return typed == types.end() ? 0 : static_cast<std::size_t>(typed - types.begin());
  }

  TokenType type_of(std::size_t i) const {
    if (i == unknown_) return TokenType::kUnknown;
    const auto type = static_cast<TokenType>(vocabulary_.types()[i]);
    if (type < TokenType::kNormal || type > TokenType::kByte) {
      fail(i, "has the type " + std::to_string(vocabulary_.types()[i]) + ", which does not exist");
    }
    const bool is_long = count_code_points(vocabulary_.tokens()[i]) > 1;
    return vocabulary_.is_boundary(i) && is_long ? TokenType::kControl : type;
  }

  SentencePieceEntry read_entry(std::size_t i) const {
    const std::string_view token = vocabulary_.tokens()[i];
    SentencePieceEntry entry{.piece = std::string(token), .score = scores_[i], .type = type_of(i)};
    if (token.empty()) fail(i, "is empty");
    if (!is_valid_utf8(token)) fail(i, "is not valid UTF-8");
    if (!std::isfinite(entry.score)) fail(i, "has a score that is not a number");
    if (entry.type == TokenType::kControl && count_code_points(token) == 1) {
      // The library gives its id to that character wherever it stands in a text.
      fail(i, "is a control token of a single character");
    }
    if (entry.type == TokenType::kUserDefined) {
      // The library keeps these as strings that end at a NUL.
      if (token.find('\0') != std::string_view::npos) fail(i, "contains a NUL");
      // Converters write their spaces as they stand in a text.
      entry.piece = with_marks(token);
    }
    return entry;
  }

  void check_nesting(const std::vector<SentencePieceEntry>& entries) const {
    std::vector<std::string_view> sorted;
    for (const SentencePieceEntry& entry : entries) {
      if (entry.type == TokenType::kUserDefined) sorted.push_back(entry.piece);
    }
    std::ranges::sort(sorted);
    std::vector<std::string_view> open;  // each the beginning of the next
    for (const std::string_view piece : sorted) {
      while (!open.empty() && !piece.starts_with(open.back())) open.pop_back();
      open.push_back(piece);
      if (open.size() > kMostNestedTokens) {
        vocabulary_.fail("more than " + std::to_string(kMostNestedTokens) +
                         " of its user-defined tokens begin with one another");
      }
    }
  }

  [[noreturn]] void fail(std::size_t i, const std::string& fault) const {
    vocabulary_.fail("token " + std::to_string(i) + " " + fault);
  }

  const GgufVocabulary& vocabulary_;
  std::size_t unknown_;
  std::vector<float> scores_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_gguf_sentence_piece(const GgufVocabulary& vocabulary) {
  const std::vector<SentencePieceEntry> entries = EntryReader(vocabulary).read();
  const bool add_space_prefix =
      vocabulary.file().boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  SentencePieceOptions options;
  options.prefix =
      vocabulary.surrounding("tokenizer.ggml.add_bos_token", "tokenizer.ggml.bos_token_id", true);
  options.suffix =
      vocabulary.surrounding("tokenizer.ggml.add_eos_token", "tokenizer.ggml.eos_token_id", false);
  return make_sentence_piece(write_sentence_piece_model(entries, add_space_prefix),
                             vocabulary.source(), options);
}

}  // namespace tandem
