// Which sequences go through a network together.
#ifndef TANDEM_RETRIEVER_TOKEN_BATCHES_H_
#define TANDEM_RETRIEVER_TOKEN_BATCHES_H_

#include <cstddef>
#include <span>
#include <vector>

namespace tandem {

// Batches of places in `lengths`, longest first, since networks run sequences of equal length side
// by side; each of about 2,000 tokens, or of one longer sequence. From about 1,000 on matrix
// products run at full speed; more would push activations (6 KiB a token for MiniLM) out of the
// last-level cache. For the sources of this room; safe from any thread.
std::vector<std::vector<std::size_t>> batches_by_length(std::span<const std::size_t> lengths);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_TOKEN_BATCHES_H_
