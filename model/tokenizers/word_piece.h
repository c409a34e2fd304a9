// WordPiece, the tokenizer of BERT (Devlin et al. 2019, arXiv:1810.04805): words by BertText, each
// cut greedily into the longest entries of the vocabulary, those after the first written "##...".
// A word that cannot be cut so, or is too long, becomes the one unknown token.
#ifndef TANDEM_MODEL_TOKENIZERS_WORD_PIECE_H_
#define TANDEM_MODEL_TOKENIZERS_WORD_PIECE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizers/added_tokens.h"
#include "model/tokenizers/bert_text.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct WordPieceSpec {
  std::string source;               // names the file in messages
  std::vector<std::string> tokens;  // by id; empty where there is none
  std::vector<AddedToken> added;
  std::string unknown_token = "[UNK]";
  std::string continuing_prefix = "##";
  std::size_t max_characters_per_word = 100;
  BertTextOptions text;
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};

// Throws kCorrupt if the vocabulary lacks the unknown token.
//
// The unknown token is not a control token here: it stands for text. token_bytes() of an entry that
// begins a word starts with a space, so decode() gives one too many at the front.
std::unique_ptr<Tokenizer> make_word_piece(WordPieceSpec spec);

// From the lines of a `vocab.txt`: [PAD], [CLS], [SEP] and [MASK] are control tokens, and texts are
// placed between [CLS] and [SEP]. Throws kCorrupt.
std::unique_ptr<Tokenizer> make_word_piece_from_lines(std::string_view vocabulary,
                                                      const std::string& source,
                                                      const BertTextOptions& text);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_WORD_PIECE_H_
