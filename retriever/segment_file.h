// Sealed segments of the dense index on disk: a cache, never the truth.
//
//   segments/<collection>/<after>-<last>-<generation>.segment
//   segments/<collection>/<after>-<last>-<generation>.json
//
// <after>, <last> (passage ids) and <generation> have 20 decimal digits. A segment holds every
// vector of the collection with after < id <= last that was live when it was made. Each segment in
// use begins where the one before it ends; the first begins at 0. Where several begin at the same
// place, the one that reaches furthest is used, and of those the one of the highest generation: it
// was made out of the others, which a crash left behind.
//
// The .segment file is these sections, little-endian, each at a multiple of 64 bytes:
//
//   ids        i64[rows]              passage ids, growing; their order is that of the rows
//   centroids  f32[lists, dimension]
//   list_ends  u64[lists]             number of entries in this list and those before it
//   entries    i64[rows]              the row of each entry, list by list
//   places     u32[rows]              the entry of each row
//   ranges     f32[2, dimension]      least values and widths, for codes of one byte only
//   links      u32[rows, degree]      rows that each row is linked to, 2^32 - 1 after the last one
//   codes      u8[rows, code size]    in the order of the entries; in that of the rows where there
//                                     are no lists
//   rests      u8[rows, code size]    of the codes, where these are of split floats
//
// Without lists, centroids, list_ends, entries and places are empty; without a graph (degree 0),
// links are. How vectors become codes and rests: query_scorer.h.
//
// The .json file is {"version": 3, "store": identity, "encoder": id, "dimension", "coding":
// "float", "half", "byte" or "split", "rows", "lists", "degree", "efforts": [for 10, for 100
// passages], "length": of the longest vector, "sections": {name: SHA-256}, "sha256": of this object
// without this member, as nlohmann::json dumps it}. It is written second and makes the segment
// valid.
//
// FAISS reads none of this: the structure is checked here. Opening checks the SHA-256 of all that
// decides where something is read. Of codes and rests, nearly all of the bytes, it checks the size:
// a wrong bit in them can change scores but lead nowhere. check_codes() finds it.
#ifndef TANDEM_RETRIEVER_SEGMENT_FILE_H_
#define TANDEM_RETRIEVER_SEGMENT_FILE_H_

#include <array>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "retriever/query_scorer.h"
#include "store/store.h"

namespace tandem {

// What the vectors of a segment must have in common with those of the index that loads it.
struct SegmentOrigin {
  std::string store_identity;
  std::string encoder_id;
  std::size_t dimension = 0;
  std::uint32_t vectors = 0;  // the store's set of them; not in the file
};

// Of a set of the store's vectors.
SegmentOrigin origin_of(const Store& store, const VectorSet& vectors);

struct SegmentName {
  PassageId after = 0;
  PassageId last = 0;
  std::uint64_t generation = 0;

  std::string stem() const;
  auto operator<=>(const SegmentName&) const = default;
};

// All that decides how long the sections are, and how far a search has to look.
struct SegmentShape {
  VectorCoding coding = VectorCoding::kFloat;
  std::size_t dimension = 0;
  std::size_t rows = 0;
  std::size_t lists = 0;   // 0: none
  std::size_t degree = 0;  // of the graph; 0: there is none
  // What was seen to find nearly all of the nearest 10, and of the nearest 100: numbers of lists to
  // look through, or the breadth of a walk through the graph.
  std::array<std::size_t, 2> efforts{};
  float length = 0;  // of the longest vector

  std::size_t code_bytes() const;
};

enum class Section {
  kIds,
  kCentroids,
  kListEnds,
  kEntries,
  kPlaces,
  kRanges,
  kLinks,
  kCodes,
  kRests
};
inline constexpr std::size_t kSectionCount = 9;

// A segment file that is mapped into memory. Immutable; safe from any thread.
class SegmentFile {
 public:
  // Throws an Error that says what is wrong: kNotFound if one of the two files is not there.
  SegmentFile(const std::filesystem::path& folder, const SegmentName& name,
              const SegmentOrigin& origin);

  const SegmentName& name() const { return name_; }
  const std::filesystem::path& path() const { return path_; }
  const SegmentShape& shape() const { return shape_; }
  // Values of the section, which the layout above gives this type.
  template <typename T>
  std::span<const T> section(Section section) const {
    const auto bytes = bytes_of(section);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  // Reads codes and rests from the disk and compares their SHA-256; false if they are damaged.
  // `stop` is asked now and then; when it is true, the answer is true.
  bool check_codes(const std::function<bool()>& stop) const;

 private:
  std::span<const std::byte> bytes_of(Section section) const;
  bool check_on_disk(Section section, const std::function<bool()>& stop) const;
  // Throw Error.
  void read_description(const SegmentOrigin& origin);
  void check_sections() const;

  SegmentName name_;
  std::filesystem::path path_;
  SegmentShape shape_;
  std::array<std::string, kSectionCount> digests_;
  MappedFile bytes_;
};

// Writes a segment section by section, in the order of the layout. For one thread.
class SegmentWriter {
 public:
  // `folder` must exist. Throws Error, as do all methods.
  SegmentWriter(const std::filesystem::path& folder, const SegmentName& name);
  // Removes what was not published.
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  // Begins the next section; one without bytes is begun as well.
  void begin(Section section);
  void write(std::span<const std::byte> bytes);
  template <typename T>
  void write_values(std::span<const T> values) {
    write(std::as_bytes(values));
  }
  // After the last section: makes the segment valid and durable.
  void publish(const SegmentShape& shape, const SegmentOrigin& origin);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The names of valid-looking segments, in the order in which they should be tried. Empty for a
// folder that is not there.
std::vector<SegmentName> list_segments(const std::filesystem::path& folder);

// Removes both files of a segment, the one that makes it valid first. Never throws.
void remove_segment(const std::filesystem::path& folder, const SegmentName& name);

// Removes every file of `folder` that does not belong to one of `names`. Never throws.
void remove_other_segments(const std::filesystem::path& folder, std::span<const SegmentName> names);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_SEGMENT_FILE_H_
