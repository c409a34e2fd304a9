// Sealed segments of the dense index on disk: a cache, never the truth.
//
//   segments/<collection>/<after>-<last>.faiss   faiss::write_index of IndexIDMap over IndexFlatIP
//   segments/<collection>/<after>-<last>.json    {"version": 1, "store": identity,
//                                                 "encoder": id, "dimension": n, "sha256": of
//                                                 .faiss}
//
// <after> and <last> are passage ids of 20 decimal digits. The segment holds, by growing id, every
// vector of the collection with after < id <= last that was live when it was sealed. Each segment
// begins where the one before it ends; the first begins at 0. The .json is written second and makes
// the segment valid; a segment is valid only with the right store, encoder and checksum, and only
// if all before it are.
#ifndef TANDEM_RETRIEVER_SEGMENT_FILE_H_
#define TANDEM_RETRIEVER_SEGMENT_FILE_H_

#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "store/store.h"

namespace tandem {

// What the vectors of a segment must have in common with those of the index that loads it.
struct SegmentOrigin {
  std::string store_identity;
  std::string encoder_id;
  std::size_t dimension = 0;
};

struct Segment {
  PassageId after = 0;
  PassageId last = 0;
  std::shared_ptr<const faiss::IndexIDMap> index;

  std::size_t size() const { return index->id_map.size(); }
  const faiss::Index::idx_t* ids() const { return index->id_map.data(); }
  // [size, dimension]
  const float* vectors() const { return static_cast<faiss::IndexFlat*>(index->index)->get_xb(); }
};

// All that loads are the valid segments from the first on, without a gap. What is wrong with the
// next one is logged as a warning. Never throws for what the folder holds.
std::vector<Segment> load_segments(const std::filesystem::path& folder,
                                   const SegmentOrigin& origin);

// Throws Error or faiss::FaissException; leaves no half-written segment behind.
void save_segment(const std::filesystem::path& folder, const Segment& segment,
                  const SegmentOrigin& origin);

// Removes every file of `folder` that does not belong to one of `segments`.
void remove_other_segments(const std::filesystem::path& folder, std::span<const Segment> segments);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEGMENT_FILE_H_
