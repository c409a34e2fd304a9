// SentencePiece vocabularies out of GGUF metadata (tokenizer.ggml.model "llama"): Llama 2,
// TinyLlama, Mistral, Gemma.
#ifndef TANDEM_MODEL_TOKENIZERS_GGUF_SENTENCE_PIECE_H_
#define TANDEM_MODEL_TOKENIZERS_GGUF_SENTENCE_PIECE_H_

#include <memory>

#include "model/tokenizers/gguf_vocabulary.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Ids are those of SentencePiece itself, which the models were trained with. llama.cpp reads the
// same metadata and differs from it where a text has a U+2581 of its own, where user-defined tokens
// overlap (it prefers the longest anywhere, SentencePiece the leftmost), after user-defined tokens
// (where it puts the space that begins a text again), and for tokens such as Gemma's "</s>", an
// HTML tag, that it takes for control tokens by their name. Throws kCorrupt.
std::unique_ptr<Tokenizer> make_gguf_sentence_piece(const GgufVocabulary& vocabulary);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_GGUF_SENTENCE_PIECE_H_
