#include "indexer/reembedding.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "indexer/chunker.h"
#include "retriever/passage_text.h"

namespace tandem {
namespace {

// Enough to sort by length, few enough to lose nothing worth mentioning at a kill.
constexpr std::size_t kPassagesAtOnce = 256;

VectorSet find_set(const Store& store, std::uint32_t number) {
  if (auto set = store.vector_set(number)) return std::move(*set);
  throw Error(ErrorCode::kNotFound, "the vectors of this release are not in the store",
              "make the release again");
}

}  // namespace

void complete_vectors(Store& store, std::uint32_t number, const Encoder& encoder,
                      const ReembeddingReport& report) {
  while (true) {
    const VectorSet set = find_set(store, number);
    if (set.encoder_id != encoder.id()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "these vectors are of another encoder than " + encoder.name(),
                  "the files of the release were changed; make it again");
    }
    const PassageId last = store.last_passage();
    const auto passages = store.passages_after(set.known_up_to, kPassagesAtOnce);
    if (report) report({passages.empty() ? last : std::min(set.known_up_to, last), last});
    if (passages.empty()) return;
    std::vector<std::string> texts;
    texts.reserve(passages.size());
    for (Passage passage : passages) {
      passage.title = embedding_title(passage.title, encoder.tokenizer(), chunk_options(encoder));
      texts.push_back(embedding_text(passage));
    }
    store.add_vectors(number, passages,
                      encoder.encode(texts, TextKind::kPassage, Urgency::kBackground));
  }
}

}  // namespace tandem
