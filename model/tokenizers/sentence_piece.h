// SentencePiece (Kudo and Richardson 2018, arXiv:1808.06226), by its own library.
//
// Debian's libsentencepiece carries its own protobuf 3.14 and crashes in a process that also loads
// libprotobuf. Nothing here includes protobuf, and nothing that links libprotobuf may join this
// process.
#ifndef TANDEM_MODEL_TOKENIZERS_SENTENCE_PIECE_H_
#define TANDEM_MODEL_TOKENIZERS_SENTENCE_PIECE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct SentencePieceOptions {
  bool add_begin = true;  // where the model has such a token
  bool add_end = false;
  // The tokens around a text, where they are known otherwise than by their names in the model.
  std::optional<std::vector<TokenId>> prefix;
  std::optional<std::vector<TokenId>> suffix;
};

// `model` is the content of a `.model` file, `source` names it in messages. Ids are those of the
// file (XLM-R and its relatives have others, see fairseq_ids.h). With
// ControlTokens::kParse each stretch of text between control tokens is encoded by itself, so each
// gets the leading space that the model wants. Throws kCorrupt.
//
// The library trusts the inside of a model that it could parse: take `.model` files from sources as
// trustworthy as programs. (What a GGUF holds is checked first, see gguf_sentence_piece.cc.)
std::unique_ptr<Tokenizer> make_sentence_piece(std::string_view model, const std::string& source,
                                               const SentencePieceOptions& options);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_SENTENCE_PIECE_H_
