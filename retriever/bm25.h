// BM25 over postings (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and
// Beyond", equations 3.15 and 3.3, with Lucene's idf, which is never negative):
//
//   score(q, d) = sum over t of q of count(t, q) * idf(t) * tf / (tf + k1 * norm(d))
//   norm(d) = 1 - b + b * |d| / average length
//   idf(t) = ln(1 + (N - n(t) + 0.5) / (n(t) + 0.5))
//
// Buckets of 4,096 passages are scored term by term. Those whose bound cannot reach the k best
// found so far are passed over; within a bucket, terms that together cannot lift a passage among
// them are looked up only for passages that the others have lifted far enough (Turtle and Flood
// 1995, "Query evaluation: strategies and optimizations", MaxScore).
#ifndef TANDEM_RETRIEVER_BM25_H_
#define TANDEM_RETRIEVER_BM25_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "retriever/dense_index.h"
#include "retriever/passage_set.h"
#include "store/store.h"

namespace tandem {

struct Bm25Parameters {
  float k1 = 1.2f;
  float b = 0.75f;
};

struct Bm25Term {
  const TermPostings* postings = nullptr;
  float weight = 0;  // its number in the query; 0: it does not score
  bool required = false;
  bool excluded = false;
  // That hold it, n(t); 0: as many as `postings` says. More where several collections are searched
  // as if they were one.
  std::uint64_t passage_count = 0;
};

// The k best passages, best first, of equal ones the older first: those that hold every required
// term, no excluded one, at least one that scores, and are in `allowed` unless that is null.
// `snapshot` says how many passages there are and how long. Throws kCorrupt for damaged postings.
// Safe from any thread.
std::vector<ScoredPassage> search_bm25(const PostingsSnapshot& snapshot,
                                       std::span<const Bm25Term> terms, std::size_t k,
                                       const PassageSet* allowed, const Bm25Parameters& parameters);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_BM25_H_
