// Vectors by another encoder for passages that are in the store already.
#ifndef TANDEM_INDEXER_REEMBEDDING_H_
#define TANDEM_INDEXER_REEMBEDDING_H_

#include <cstdint>
#include <functional>

#include "retriever/encoder.h"
#include "store/store.h"

namespace tandem {

// Of this so much is done; in passage ids, of which some may be gone.
struct ReembeddingProgress {
  PassageId done = 0;
  PassageId total = 0;
};
// May throw to stop; what is done by then stays done. May be empty.
using ReembeddingReport = std::function<void(const ReembeddingProgress&)>;

// Gives the set what passages lack in it, those included that are added meanwhile; nothing for the
// live one, which lacks none. Goes on where it was stopped or killed. One thread for each set; any
// other may write to the store. Throws kInvalidArgument for an encoder that is not the set's, and
// what encoder and store throw.
void complete_vectors(Store& store, std::uint32_t set, const Encoder& encoder,
                      const ReembeddingReport& report = {});

}  // namespace tandem

#endif  // TANDEM_INDEXER_REEMBEDDING_H_
