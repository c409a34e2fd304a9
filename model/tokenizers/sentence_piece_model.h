// Writes SentencePiece models, for vocabularies that come in another container.
//
// A model is a protobuf message (sentencepiece_model.proto). Six of its fields are enough, and
// writing them takes less than the library that could: libprotobuf must not enter the process (see
// sentence_piece.h).
//
//   ModelProto     = { pieces(1): SentencePiece }  trainer_spec(2)  normalizer_spec(3)
//   SentencePiece  = piece(1): string  score(2): float  type(3): enum
//   TrainerSpec    = model_type(3): enum  byte_fallback(35): bool
//   NormalizerSpec = name(1): string  add_dummy_prefix(3): bool  remove_extra_whitespaces(4): bool
#ifndef TANDEM_MODEL_TOKENIZERS_SENTENCE_PIECE_MODEL_H_
#define TANDEM_MODEL_TOKENIZERS_SENTENCE_PIECE_MODEL_H_

#include <string>
#include <vector>

#include "model/tokenizers/token_type.h"

namespace tandem {

struct SentencePieceEntry {
  std::string piece;  // U+2581 stands for a space
  float score = 0;
  TokenType type = TokenType::kNormal;
};

// BPE with byte fallback and without normalisation, as the Llama, Mistral and Gemma families are
// trained. `add_space_prefix`: a text begins as if a space stood before it.
std::string write_sentence_piece_model(const std::vector<SentencePieceEntry>& entries,
                                       bool add_space_prefix);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_SENTENCE_PIECE_MODEL_H_
