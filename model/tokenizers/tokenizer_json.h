// `tokenizer.json`, the file of Hugging Face `tokenizers`: WordPiece with BERT's normalizer and
// pre-tokenizer, and byte-level BPE with the normalizers and pre-tokenizers that models use.
#ifndef TANDEM_MODEL_TOKENIZERS_TOKENIZER_JSON_H_
#define TANDEM_MODEL_TOKENIZERS_TOKENIZER_JSON_H_

#include <memory>
#include <string>
#include <string_view>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// `json` is the content of the file, `source` names it in messages. Truncation and padding that the
// file asks for are left to the caller. Throws kCorrupt where the file is not what the format
// promises, kUnsupported naming the part that is not understood.
std::unique_ptr<Tokenizer> make_tokenizer_from_json(std::string_view json,
                                                    const std::string& source);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_TOKENIZER_JSON_H_
