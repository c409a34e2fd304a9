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

// What a segment of so many rows is like: without lists its coding is kFloat.
bool wants_lists(IndexKind kind, std::size_t rows, std::size_t lists_from);
VectorCoding coding_of(IndexKind kind);

struct SegmentPlan {
  std::string collection;
  SegmentName name;
  IndexKind kind = IndexKind::kAuto;
  std::size_t lists_from = 0;  // rows from which on there are lists
};

// Thrown out of build_segment when it was asked to stop.
struct BuildStopped {};

// Writes the segment into `folder`, which is made if missing, and opens it. `stop` is asked at
// least about once a second. Memory: the ids, the lists' centroids and their training vectors; the
// vectors themselves go through a file. Throws Error, BuildStopped, or what FAISS throws; nothing
// half-made stays behind.
std::unique_ptr<Segment> build_segment(const Store& store, const std::filesystem::path& folder,
                                       const SegmentPlan& plan, const SegmentOrigin& origin,
                                       const std::function<bool()>& stop);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEGMENT_BUILDER_H_
