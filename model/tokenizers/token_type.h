// What an entry of a vocabulary is for, in the numbers of SentencePiece (SentencePiece.Type of
// sentencepiece_model.proto), which GGUF has taken over for vocabularies of every kind
// (tokenizer.ggml.token_type).
#ifndef TANDEM_MODEL_TOKENIZERS_TOKEN_TYPE_H_
#define TANDEM_MODEL_TOKENIZERS_TOKEN_TYPE_H_

#include <cstdint>

namespace tandem {

// As wide as the integers of a file, any of which may be cast to it.
enum class TokenType : std::int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,  // found in the text before any merge
  kUnused = 5,       // may be a step of merging, is never a result
  kByte = 6,         // "<0x0A>", for what no other piece covers
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_TOKEN_TYPE_H_
