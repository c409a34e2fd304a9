// Which passages of a corpus a server would find for many questions, by vectors and words: what a
// reranker is trained on and measured with.
#ifndef TANDEM_TRAINER_HYBRID_SEARCH_H_
#define TANDEM_TRAINER_HYBRID_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "retriever/encoder.h"
#include "retriever/retriever.h"
#include "trainer/question_set.h"

namespace tandem {

// A store of a corpus, in which each entry is one passage. search() may be called from any thread.
class HybridSearch {
 public:
  // Makes the store in `folder`, which must not be there, and removes it in the end. Borrows corpus
  // and encoder. Throws as Store does, and kInvalidArgument for a language of no
  // analysis_languages().
  HybridSearch(const Corpus& corpus, const Encoder& encoder, const std::string& language,
               const std::filesystem::path& folder);

  // The k best, best first, with places in the corpus as their ids; scores are from 0 to 1.
  std::vector<ScoredPassage> search(const std::string& question, std::size_t k) const;

 private:
  const Corpus& corpus_;
  TemporaryPath folder_;  // goes last, when nothing uses it any more
  std::unique_ptr<Store> store_;
  std::unique_ptr<DenseIndex> index_;
  std::unique_ptr<AttributeIndex> attributes_;
  std::unique_ptr<LexicalIndex> lexical_;
  std::unique_ptr<Retriever> retriever_;
};

}  // namespace tandem

#endif  // TANDEM_TRAINER_HYBRID_SEARCH_H_
