// Nearest passages by inner product, through FAISS.
//
// Each collection is a list of segments: sealed ones, immutable and cached in files, and rows that
// grow. The files only save time: opening maps those there are and replays from the store every
// vector with a later passage id. A file that is missing, damaged or of another encoder is made
// again. Small segments are searched exactly, large ones by inverted lists, or by a graph
// (retriever/segment.h).
//
// A thread in the background seals rows that grew, merges segments, and makes those again that are
// damaged or mostly deleted. Nothing waits for it: what it works on is searched as it was until the
// new segment takes its place.
//
// search() may be called from any thread at any time; it works on a snapshot and holds no lock
// while it computes. add() and remove() may be called from any thread and are serialised inside;
// what they changed is visible to every search that starts after they return.
#ifndef TANDEM_RETRIEVER_DENSE_INDEX_H_
#define TANDEM_RETRIEVER_DENSE_INDEX_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
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

// In the same order.
std::vector<PassageId> ids_of(std::span<const ScoredPassage> passages);

class DeviceSpace;

enum class IndexKind {
  kAuto,       // flat where that is fast, inverted lists above
  kFlat,       // always exact
  kIvf,        // inverted lists of floats
  kIvfHalf,    // the same in half precision: half the memory
  kIvfByte,    // the same in 8 bits a number: a quarter
  kGraph,      // a graph over floats: takes long to make, and filters slow it down
  kGraphByte,  // the same over 8 bits a number
};

// By the names that users and the store know them by.
const std::map<std::string, IndexKind>& index_kinds();
const std::string& to_string(IndexKind kind);

struct DenseIndexOptions {
  // Growing rows are sealed when there are this many.
  std::size_t segment_capacity = 16'384;
  // Rows from which on a segment is not flat.
  std::size_t large_from = 32'768;
  // False for readers beside a writing process: no file is written and there is no background.
  bool write_segments = true;
  // Remembered in the store's folder; nullopt: the one remembered, kAuto at first. Segments of
  // another kind are made again in the background.
  std::optional<IndexKind> kind = std::nullopt;
  // VectorSet::number of the vectors that are searched; nullopt: the live ones.
  std::optional<std::uint32_t> vectors = std::nullopt;
  // Where the background may copy segments to (retriever/device_copy.h), to search them on a GPU
  // as long as there is no filter; null: nowhere.
  std::shared_ptr<DeviceSpace> device = nullptr;
  std::size_t device_least_rows = 8192;  // of a segment that is worth a copy
};

class DenseIndex {
 public:
  // Opens the index of every collection of `store`, which must outlive it and whose vectors must
  // have a dimension, unless the store is empty. Throws kNotFound for vectors that are not there.
  static std::unique_ptr<DenseIndex> open(const Store& store,
                                          const DenseIndexOptions& options = {});
  // Stops what is under way in the background; the next opening goes on with it.
  virtual ~DenseIndex() = default;

  // `vectors` is [ids, dimension]; ids grow from call to call, and the store has all of them.
  virtual void add(std::string_view collection, std::span<const PassageId> ids,
                   std::span<const float> vectors) = 0;
  // Of passages that are not in the store any more. Unknown ids are ignored.
  virtual void remove(std::string_view collection, std::span<const PassageId> ids) = 0;

  // The k best passages of one collection for one query vector [dimension], of those in `allowed`
  // if it is not null; best first. Fewer only if there are no more. An unknown collection is empty.
  virtual std::vector<ScoredPassage> search(std::string_view collection,
                                            std::span<const float> query, std::size_t k,
                                            const PassageSet* allowed = nullptr) const = 0;
  virtual std::size_t size(std::string_view collection) const = 0;

  // Returns when the background has nothing more to do, or has failed (which is logged).
  virtual void settle() = 0;

  // Ends the background for good, so that another index of the same vectors may be opened; what
  // there is can still be searched. Nothing may be added or removed any more.
  virtual void retire() = 0;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_DENSE_INDEX_H_
