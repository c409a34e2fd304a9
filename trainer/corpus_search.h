// Which passages of a corpus an encoder, as it is, finds for questions.
#ifndef TANDEM_TRAINER_CORPUS_SEARCH_H_
#define TANDEM_TRAINER_CORPUS_SEARCH_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retriever/encoder.h"
#include "trainer/passage_search.h"
#include "trainer/question_set.h"

namespace tandem {

// Called by one thread at a time, not always the same: so many of all are done.
using StageProgress =
    std::function<void(std::string_view stage, std::size_t done, std::size_t total)>;

// Embeds both as the store's passages and a user's question are, and searches exactly: for each
// question the k best, best first, by their places in the corpus. `progress` may be empty. Safe
// from any thread; throws what the encoder throws.
std::vector<std::vector<FoundPassage>> search_corpus(const Corpus& corpus,
                                                     std::span<const std::string> questions,
                                                     const Encoder& encoder, std::size_t k,
                                                     const StageProgress& progress = {});

}  // namespace tandem

#endif  // TANDEM_TRAINER_CORPUS_SEARCH_H_
