// Exact nearest passages by inner product, through FAISS.
//
// Each collection is a list of segments: sealed ones, immutable and cached as FAISS files, and one
// that grows. The files only save time: opening loads the newest sealed segments and replays from
// the store every vector with a later passage id. A file that is missing, damaged or of another
// encoder is ignored and made again.
//
// search() may be called from any thread at any time; it works on a snapshot and holds no lock
// while it computes. add() and remove() may be called from any thread and are serialised inside;
// what they changed is visible to every search that starts after they return.
#ifndef TANDEM_RETRIEVER_DENSE_INDEX_H_
#define TANDEM_RETRIEVER_DENSE_INDEX_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "retriever/passage_set.h"
#include "store/store.h"

namespace tandem {

struct ScoredPassage {
  PassageId id = 0;
  float score = 0;  // inner product; the cosine, since vectors have length 1
};

struct DenseIndexOptions {
  // A growing segment is sealed, and its file written, when it holds this many vectors.
  std::size_t segment_capacity = 65'536;
  // False for readers beside a writing process: no file is written.
  bool write_segments = true;
};

class DenseIndex {
 public:
  // Builds the index of every collection of `store`, whose settings must have a dimension, unless
  // the store is empty. Keeps no reference to the store.
  static std::unique_ptr<DenseIndex> open(const Store& store,
                                          const DenseIndexOptions& options = {});
  virtual ~DenseIndex() = default;

  // `vectors` is [ids, dimension]; ids grow from call to call.
  virtual void add(std::string_view collection, std::span<const PassageId> ids,
                   std::span<const float> vectors) = 0;
  // Unknown ids are ignored.
  virtual void remove(std::string_view collection, std::span<const PassageId> ids) = 0;

  // The k best passages of one collection for one query vector [dimension], best first; fewer if
  // the collection has fewer. An unknown collection is empty. With `allowed`, the k best of those:
  // it is looked at while searching, not afterwards.
  virtual std::vector<ScoredPassage> search(std::string_view collection,
                                            std::span<const float> query, std::size_t k,
                                            const PassageSet* allowed = nullptr) const = 0;
  virtual std::size_t size(std::string_view collection) const = 0;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_DENSE_INDEX_H_
