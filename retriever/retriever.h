// A question in, passages out.
#ifndef TANDEM_RETRIEVER_RETRIEVER_H_
#define TANDEM_RETRIEVER_RETRIEVER_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retriever/attribute_index.h"
#include "retriever/dense_index.h"
#include "retriever/encoder.h"
#include "retriever/filter.h"
#include "retriever/fusion.h"
#include "retriever/lexical_index.h"
#include "retriever/reranker.h"
#include "store/store.h"

namespace tandem {

enum class SearchMode {
  kDense,    // by vectors; scores are cosines
  kLexical,  // by words; scores are BM25's, above 0
  kHybrid,   // by both; scores are those of fuse(), from 0 to 1
};

// By the names that users give them: "dense", "lexical", "hybrid".
const std::map<std::string, SearchMode>& search_modes();

// How many passages are worth scoring again, where nobody says.
inline constexpr std::size_t kDefaultReranked = 50;

struct SearchOptions {
  std::string collection = kDefaultCollection;
  // Searched together with it, as if all were one collection: what is found, in which order and
  // with which scores, is what would be in one collection of all their passages.
  std::vector<std::string> more_collections = {};
  std::size_t limit = 5;
  // Only passages of documents that it selects are searched: as many hits come back as without it,
  // if it leaves as many.
  std::optional<Filter> filter = std::nullopt;
  // Only passages of documents that somebody who is all of these may see (store/readers.h);
  // nothing: of all documents.
  std::optional<Readers> who = std::nullopt;
  SearchMode mode = SearchMode::kHybrid;
  FusionOptions fusion = {};  // for kHybrid
  // Whether signs and quotes in the query are conditions (retriever/lexical_query.h); otherwise,
  // and in kDense always, they are text.
  bool conditions = true;
  // How many of the best the reranker scores again, and puts into another order before
  // `limit` of them are returned; 0: none. At least `limit` are.
  std::size_t rerank = 0;
  float rerank_weight = kRerankWeight;  // from 0 to 1, of its scores beside those of the search
  // Hits with a lower score are left out.
  std::optional<float> score_threshold = std::nullopt;
};

struct Hit {
  Passage passage;
  // What it means depends on SearchMode, or is from 0 to 1 where passages were reranked; comparable
  // within one search only.
  float score = 0;
};

// Of what several searches found, by passage, the `limit` with the highest scores, best first; of
// equal ones the older passage first. Pure; safe from any thread.
std::vector<Hit> best_hits(std::map<PassageId, Hit>&& found, std::size_t limit);

// Borrows its parts, which must outlive it. search() may be called from any thread.
class Retriever {
 public:
  // `reranker` may be null.
  Retriever(const Store& store, const DenseIndex& index, const AttributeIndex& attributes,
            const LexicalIndex& lexical, const Encoder& encoder,
            const Reranker* reranker = nullptr);

  // Best first. Throws kInvalidArgument for a query without a word to look for, a limit of 0, or
  // reranking without a reranker, kNotFound for a collection that does not exist. Where the lexical
  // index does not cover a collection, kHybrid is kDense and kLexical throws kUnavailable.
  std::vector<Hit> search(std::string_view query, const SearchOptions& options) const;

 private:
  struct Part;
  struct Question;
  std::vector<Part> parts_of(const SearchOptions& options) const;
  std::vector<ScoredPassage> nearest(const Question& question, std::size_t k) const;
  std::vector<ScoredPassage> rank(const Question& question, const SearchOptions& options,
                                  std::size_t wanted) const;
  std::vector<Hit> reranked(std::string_view query, std::vector<Hit> hits, float weight) const;
  void drop_forbidden(const LexicalQuery& query, std::vector<ScoredPassage>& passages) const;

  const Store& store_;
  const DenseIndex& index_;
  const AttributeIndex& attributes_;
  const LexicalIndex& lexical_;
  const Encoder& encoder_;
  const Reranker* reranker_;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_RETRIEVER_H_
