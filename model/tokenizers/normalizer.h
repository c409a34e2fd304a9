// Text normalisation steps of `tokenizer.json` other than BERT's (that one is in bert_text.h).
#ifndef TANDEM_MODEL_TOKENIZERS_NORMALIZER_H_
#define TANDEM_MODEL_TOKENIZERS_NORMALIZER_H_

#include <string>
#include <string_view>
#include <vector>

namespace tandem {

enum class NormalizerStep { kNfc, kNfd, kNfkc, kNfkd, kLowercase, kStripAccents };

// Applies the steps in order. `text` is valid UTF-8. Safe from any thread.
std::string normalize(std::string_view text, const std::vector<NormalizerStep>& steps);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_NORMALIZER_H_
