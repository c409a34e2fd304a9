// Uses a tokenizer that came out of a fuzzed file and holds it to the promises of its interface.
#ifndef TANDEM_TESTS_FUZZ_TOKENIZER_USE_H_
#define TANDEM_TESTS_FUZZ_TOKENIZER_USE_H_

#include "model/tokenizers/tokenizer.h"

namespace tandem::fuzz {

void use_tokenizer(const Tokenizer& tokenizer);

}  // namespace tandem::fuzz

#endif  // TANDEM_TESTS_FUZZ_TOKENIZER_USE_H_
