// The numbering of tokens that XLM-R and its relatives (CamemBERT, multilingual E5, BGE-M3) took
// over from fairseq, on top of the SentencePiece model that comes with them as
// `sentencepiece.bpe.model`:
//
//   id                   0    1      2     3      4, 5, ...               pieces + 1
//   token                <s>  <pad>  </s>  <unk>  pieces 3, 4, ...        <mask>
#ifndef TANDEM_MODEL_TOKENIZERS_FAIRSEQ_IDS_H_
#define TANDEM_MODEL_TOKENIZERS_FAIRSEQ_IDS_H_

#include <memory>
#include <string>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Takes the tokenizer of the SentencePiece file, whose first pieces must be <unk>, <s> and </s>; a
// text is put between <s> and </s>. `source` names the file in messages. Throws kUnsupported.
std::unique_ptr<Tokenizer> with_fairseq_ids(std::unique_ptr<Tokenizer> pieces,
                                            const std::string& source);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_FAIRSEQ_IDS_H_
