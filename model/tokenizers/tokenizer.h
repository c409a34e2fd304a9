// Text to token ids and back. One implementation per family, each giving the ids that the family's
// reference implementation gives (Hugging Face `tokenizers`, or `sentencepiece`), byte for byte.
#ifndef TANDEM_MODEL_TOKENIZERS_TOKENIZER_H_
#define TANDEM_MODEL_TOKENIZERS_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

class GgufFile;

using TokenId = std::int32_t;

// Whether the text of control tokens ("<|im_end|>", "[SEP]") inside the input becomes those tokens
// or stays ordinary text. Text that came from a user or a document must be encoded with kAsText:
// otherwise a document could close its own turn in the prompt.
enum class ControlTokens { kAsText, kParse };

// Immutable once built; every method may be called from any number of threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of `text` alone, without the tokens that the model wants around it. Invalid UTF-8 is
  // repaired first (U+FFFD), as Python callers of the reference do.
  virtual std::vector<TokenId> encode(std::string_view text,
                                      ControlTokens control = ControlTokens::kAsText) const = 0;

  // Number of ids that encode(text) gives, without building them where that is cheaper.
  virtual std::size_t count(std::string_view text) const { return encode(text).size(); }

  // Ids placed before and after a single sequence: {[CLS]}, {[SEP]} for BERT, {<s>}, {} for
  // Llama 2.
  virtual std::span<const TokenId> prefix() const = 0;
  virtual std::span<const TokenId> suffix() const = 0;

  // Bytes that a token stands for in running text; may be part of a character. Empty for control
  // tokens. Concatenating the bytes of encode(text) gives back the text where the family is
  // lossless (byte-level BPE), and a normalised text where it is not (WordPiece).
  virtual std::string token_bytes(TokenId id) const = 0;
  virtual bool is_control(TokenId id) const = 0;
  // The id whose vocabulary entry is exactly `token`, such as "<|im_end|>".
  virtual std::optional<TokenId> find(std::string_view token) const = 0;
  virtual std::size_t vocabulary_size() const = 0;

  // Concatenated token_bytes, invalid UTF-8 repaired.
  std::string decode(std::span<const TokenId> ids) const;
};

// From a Hugging Face folder: `tokenizer.json` (WordPiece or byte-level BPE), else `vocab.txt`
// (WordPiece), else a SentencePiece `*.model`. Throws kNotFound if there is none of them, kCorrupt
// or kUnsupported naming what is not understood.
std::unique_ptr<Tokenizer> open_tokenizer(const std::filesystem::path& model_folder);

// From the `tokenizer.ggml.*` metadata: "gpt2" (byte-level BPE) and "llama" (SentencePiece). Throws
// kCorrupt or kUnsupported. Does not keep the file.
std::unique_ptr<Tokenizer> make_tokenizer(const GgufFile& file);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_TOKENIZER_H_
