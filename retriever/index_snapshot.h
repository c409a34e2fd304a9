// The state of one collection's index at one moment: sealed segments, growing rows, and which of
// both were deleted.
#ifndef TANDEM_RETRIEVER_INDEX_SNAPSHOT_H_
#define TANDEM_RETRIEVER_INDEX_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "retriever/device_copy.h"
#include "retriever/passage_set.h"
#include "retriever/row_filter.h"
#include "retriever/segment.h"
#include "retriever/top_passages.h"

namespace tandem {

// Rows that are filled one after the other and never move or change, so that a reader may use those
// it knows of while the next ones are written. (FAISS's own indexes reallocate when they grow,
// which crashes a search that is under way.)
struct Block {
  Block(std::size_t row_capacity, std::size_t dimension);
  CodedVectors coded() const {
    return {reinterpret_cast<const std::uint8_t*>(vectors.get()), nullptr};
  }
  std::size_t capacity;
  // Plain new: pages that are not written yet take no memory.
  std::unique_ptr<std::int64_t[]> ids;
  std::unique_ptr<float[]> vectors;
};

// Vectors by growing id that are searched in one call: a sealed segment, or a block as far as it
// was filled when this value was made.
class Part {
 public:
  explicit Part(std::shared_ptr<const Segment> segment);
  explicit Part(std::shared_ptr<Block> block);

  // Null for a block.
  const std::shared_ptr<const Segment>& segment() const { return segment_; }
  // Of the segment, which a search without `allowed` asks first; null while there is none.
  const std::shared_ptr<const DeviceCopy>& copy() const { return copy_; }
  void set_copy(std::shared_ptr<const DeviceCopy> copy) { copy_ = std::move(copy); }
  std::span<const std::int64_t> ids() const { return ids_; }
  std::size_t live_count() const { return live_count_; }
  bool is_live(std::size_t row) const { return rows_of(nullptr).is_live(row); }
  bool full() const { return ids_.size() == capacity_; }

  // Of a block that is not full; by its one writer. Earlier copies of this part do not see the row.
  void append(PassageId id, std::span<const float> vector);
  // Marks those of `ids`, which are sorted, as deleted; others are ignored. Copies of this part
  // keep them.
  void remove(std::span<const PassageId> ids);

  // Offers the k best live rows of those in `allowed`, or of all if it is null.
  void search(std::span<const float> query, std::size_t k, const PassageSet* allowed,
              TopPassages& best) const;

 private:
  RowFilter rows_of(const PassageSet* allowed) const { return {ids_, live_.get(), allowed}; }
  void offer_all(std::span<const float> query, std::span<const std::uint32_t> rows,
                 TopPassages& best) const;

  std::shared_ptr<const Segment> segment_;
  std::shared_ptr<const DeviceCopy> copy_;
  std::shared_ptr<Block> block_;
  std::span<const std::int64_t> ids_;
  std::size_t capacity_ = 0;
  std::size_t live_count_ = 0;
  std::shared_ptr<const Bits> live_;  // a bit for each row of the capacity; null while all are live
};

// A published snapshot never changes; a writer copies it (the parts share what they refer to),
// changes the copy and publishes that.
struct Snapshot {
  std::size_t dimension = 0;
  std::vector<Part> sealed;   // each begins where the one before it ends
  std::vector<Part> growing;  // what came later, by growing id
  PassageId last = 0;         // no id above it was ever added

  // All ids up to here are those of sealed segments.
  PassageId sealed_last() const;
  std::size_t live_count() const;
  // Rows that are not sealed, deleted ones included.
  std::size_t growing_count() const;

  // `id` is above `last`. Begins a block of `block_rows` where the last one is full, or belongs to
  // a seal that is under way.
  void append(PassageId id, std::span<const float> vector, std::size_t block_rows);
  void remove(std::vector<PassageId> ids);
  // What is in `growing` now is only added to in blocks of their own.
  void freeze_growing() { growing_frozen = true; }
  // Puts `segment` in the place of all parts with ids that it stands for. Rows of theirs that were
  // deleted are deleted in it.
  void replace(std::shared_ptr<const Segment> segment);
  std::vector<ScoredPassage> search(std::span<const float> query, std::size_t k,
                                    const PassageSet* allowed) const;

  bool growing_frozen = false;
};

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_INDEX_SNAPSHOT_H_
