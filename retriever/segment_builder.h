// Makes a sealed segment out of what the store holds.
//
// Always out of the store, never out of other segments: what is damaged there would get a new,
// right checksum, and what is quantised would be quantised twice.
#ifndef TANDEM_RETRIEVER_SEGMENT_BUILDER_H_
#define TANDEM_RETRIEVER_SEGMENT_BUILDER_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "retriever/dense_index.h"
#include "retriever/segment.h"
#include "retriever/segment_file.h"
#include "store/store.h"

namespace tandem {

// What a segment is like: it has lists, or a graph, or neither.
struct SegmentLayout {
  bool lists = false;
  bool graph = false;
  VectorCoding coding = VectorCoding::kSplit;

  bool operator==(const SegmentLayout&) const = default;
};

// Of a kind of index for a segment of so many rows; small ones are flat, of whatever kind.
SegmentLayout layout_of(IndexKind kind, std::size_t rows, std::size_t large_from);
SegmentLayout layout_of(const SegmentShape& shape);

struct SegmentPlan {
  std::string collection;
  SegmentName name;
  IndexKind kind = IndexKind::kAuto;
  std::size_t large_from = 0;  // rows from which on a segment is not flat
};

// Writes the segment into `folder`, which is made if missing, and opens it. `stop` is asked at
// least about once a second. Memory: the ids, the lists' centroids and their training vectors, the
// graph; the vectors themselves go through a file. Throws Error, BuildStopped, or what FAISS
// throws; nothing half-made stays behind.
std::unique_ptr<Segment> build_segment(const Store& store, const std::filesystem::path& folder,
                                       const SegmentPlan& plan, const SegmentOrigin& origin,
                                       const std::function<bool()>& stop);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEGMENT_BUILDER_H_
