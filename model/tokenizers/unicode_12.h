// Normal forms by ICU, restricted to the characters that existed in Unicode 12.0, which is what the
// reference tokenizers know. Without this, ids of rare text would depend on the release of ICU.
#ifndef TANDEM_MODEL_TOKENIZERS_UNICODE_12_H_
#define TANDEM_MODEL_TOKENIZERS_UNICODE_12_H_

#include <unicode/normalizer2.h>

namespace tandem {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

// Immutable, lives as long as the process, safe from any thread.
const icu::Normalizer2& unicode_12(NormalForm form);

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_UNICODE_12_H_
