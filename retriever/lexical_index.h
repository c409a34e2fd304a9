// Passages by their words: BM25 over the postings that the store keeps.
//
// There is nothing to build or to load: postings are written with their document and merged by
// RocksDB. A search works on one snapshot of the store.
#ifndef TANDEM_RETRIEVER_LEXICAL_INDEX_H_
#define TANDEM_RETRIEVER_LEXICAL_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "retriever/bm25.h"
#include "retriever/lexical_query.h"
#include "retriever/passage_set.h"
#include "retriever/text_analysis.h"
#include "store/store.h"

namespace tandem {

// A collection, or some of its passages. Borrows both.
struct SearchedPart {
  std::string_view collection;
  const PassageSet* allowed = nullptr;  // null: all of them
};

// Borrows the store, which must outlive it. All methods may be called from any thread.
class LexicalIndex {
 public:
  LexicalIndex(const Store& store, const TextAnalysis& analysis, Bm25Parameters parameters = {});

  const TextAnalysis& analysis() const { return analysis_; }
  // Whether every passage of the collection can be found. False in a store that an older version of
  // Tandem wrote and that was not opened for writing since.
  bool covers(std::string_view collection) const;

  // The k best passages of one collection, best first; scores are BM25's, above 0. Only those of
  // `allowed`, unless that is null. Phrases are looked for in the text of the best passages that
  // hold their words, 10,000 at most. An unknown collection is empty.
  std::vector<ScoredPassage> search(std::string_view collection, const LexicalQuery& query,
                                    std::size_t k, const PassageSet* allowed = nullptr) const;
  // The k best of all parts, which are of different collections. BM25's of two collections do not
  // compare, since a word that is rare in one may be common in the other: here the number of
  // passages, their lengths and those that hold a word are counted over all the collections, so
  // that the scores are those that the passages would have in one collection of them all.
  std::vector<ScoredPassage> search(std::span<const SearchedPart> parts, const LexicalQuery& query,
                                    std::size_t k) const;
  // Whether what `passage` is found by meets the query's conditions.
  bool allows(const LexicalQuery& query, const Passage& passage) const;

 private:
  std::vector<ScoredPassage> search_part(const PostingsSnapshot& snapshot,
                                         std::span<const Bm25Term> terms, const LexicalQuery& query,
                                         std::size_t k, const PassageSet* allowed) const;

  const Store& store_;
  TextAnalysis analysis_;
  Bm25Parameters parameters_;
};

// What lexical search counts of a passage.
PassageTerms terms_of(const TextAnalysis& analysis, const Passage& passage);

// Gives the passages of a store the terms that they lack: all of them if the store was made by
// another analysis. Costs nothing where none lack any. Returns their number.
std::uint64_t complete_terms(Store& store, const TextAnalysis& analysis);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_LEXICAL_INDEX_H_
