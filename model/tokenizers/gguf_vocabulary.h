// What tokenizers of every kind have in the metadata of a GGUF file.
#ifndef TANDEM_MODEL_TOKENIZERS_GGUF_VOCABULARY_H_
#define TANDEM_MODEL_TOKENIZERS_GGUF_VOCABULARY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Borrows the bytes of its file. `source` names the tokenizer in messages.
class GgufVocabulary {
 public:
  // Throws kCorrupt without tokens, for one of absurd length, or for types of another number.
  GgufVocabulary(const GgufFile& file, const std::string& source);

  const GgufFile& file() const { return file_; }
  const std::string& source() const { return source_; }

  const std::vector<std::string_view>& tokens() const { return tokens_; }
  // tokenizer.ggml.token_type (token_type.h), one a token; empty if the file has none.
  const std::vector<std::int64_t>& types() const { return types_; }

  // Whether the file names token `i` as the beginning or end of a text or a turn. Some converters
  // type those as ordinary or user-defined tokens; they are control tokens all the same.
  bool is_boundary(std::size_t i) const;

  // The value of `key`. Throws kCorrupt if the vocabulary has no such id.
  std::optional<TokenId> id(const char* key) const;

  // The id at `key` if the flag says that texts get it (`otherwise`: what a file means that does
  // not say), else none.
  std::vector<TokenId> surrounding(const char* flag, const char* key, bool otherwise) const;

  [[noreturn]] void fail(const std::string& fault) const;

 private:
  const GgufFile& file_;
  std::string source_;
  std::vector<std::string_view> tokens_;
  std::vector<std::int64_t> types_;
  std::vector<std::int64_t> boundaries_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_GGUF_VOCABULARY_H_
