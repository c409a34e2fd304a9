// Byte-level byte-pair encoding, the family of GPT-2, Llama 3, Qwen and SmolLM.
// Sennrich et al. 2016 (arXiv:1508.07909), over bytes as in GPT-2 (Radford et al. 2019).
//
// A text is cut into pieces (pre_tokenizer.h); within a piece the neighbouring pair of lowest rank
// is merged, leftmost first, until no pair has a rank. A heap keeps that at n log n for pieces of
// any length. Vocabulary entries are written in GPT-2's alphabet, in which each byte is a printable
// character (a space is U+0120).
#ifndef TANDEM_MODEL_TOKENIZERS_BYTE_LEVEL_BPE_H_
#define TANDEM_MODEL_TOKENIZERS_BYTE_LEVEL_BPE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/tokenizers/added_tokens.h"
#include "model/tokenizers/normalizer.h"
#include "model/tokenizers/pre_tokenizer.h"
#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct ByteLevelBpeSpec {
  std::string source;               // names the file in messages
  std::vector<std::string> tokens;  // by id, in GPT-2's alphabet; empty where there is none
  std::vector<std::pair<std::string, std::string>> merges;  // in order of rank
  std::vector<AddedToken> added;  // their entries in `tokens` may be empty
  std::vector<NormalizerStep> normalizer;
  PreTokenizer pre_tokenizer;
  bool ignore_merges = false;  // a piece that is a whole entry is that entry (Llama 3)
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};

// Throws kCorrupt where a merge names entries that the vocabulary lacks.
//
// A control token is never the outcome of a merge, whatever the file says: text from a document
// must not become one. A byte that the vocabulary lacks is left out, as the reference does where
// the model has no token for the unknown; the byte-level models that name one name a control token.
std::unique_ptr<Tokenizer> make_byte_level_bpe(ByteLevelBpeSpec spec);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_BYTE_LEVEL_BPE_H_
