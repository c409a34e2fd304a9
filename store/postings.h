// Postings: which passages hold a term, how often, and how long those passages are.
//
// The ids of passages are cut into buckets of 4,096. All postings of one term in one bucket are one
// value of the family `postings`, so that a passage changes few bytes and a search can pass over a
// bucket by its bound alone. Writers never read a value: they hand RocksDB changes, which its
// compactions merge into it.
//
//   change  = version:u8 posting{n}             n > 0; count 0: the passage left
//   bucket  = version:u8 n:u16 posting{n}       n < 8, also none
//           | version:u8 n:u16 bound block_head{ceil(n / 128)} block{ceil(n / 128)}
//   posting = offset:u16 count:u16 length:u16
//   bound   = max_count:u16 min_length:u16{4}   as in PostingBound
//   block_head = last_offset:u16 widths:u8      bits 0-1: bytes of an offset, 1 or 2; 2-3: of a
//                                               count, 0, 1 or 2; 4-5: of a length, 1 or 2
//   block   = offset{m} count{m} length{m}      m = 128, in the last one the rest
//
// Offsets count from the first id of the bucket, and grow. An offset of 1 byte is the number of ids
// between it and the one before it, over the borders of blocks and from -1 on; a count of 0 bytes
// is 1. Lengths and counts above 65,535 are written as that.
//
// All functions are safe from any thread.
#ifndef TANDEM_STORE_POSTINGS_H_
#define TANDEM_STORE_POSTINGS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem {

inline constexpr unsigned kBucketBits = 12;
inline constexpr std::size_t kBucketSize = std::size_t{1} << kBucketBits;
inline constexpr std::size_t kPostingBlockSize = 128;

struct Posting {
  std::uint16_t offset = 0;
  std::uint16_t count = 0;   // of the term in the passage
  std::uint16_t length = 0;  // terms of the passage

  bool operator==(const Posting&) const = default;
};

// What no posting of a bucket exceeds: exact for each count up to 3, which most are.
struct PostingBound {
  static constexpr std::uint16_t kNone = 0xFFFF;
  std::uint16_t max_count = 0;
  // The shortest passage with a count of 1, 2, 3, and of 4 or more; kNone where there is none.
  std::array<std::uint16_t, 4> min_length = {kNone, kNone, kNone, kNone};
};

struct PostingBlock {
  std::size_t size = 0;
  std::array<std::uint16_t, kPostingBlockSize> offsets;
  std::array<std::uint16_t, kPostingBlockSize> counts;
  std::array<std::uint16_t, kPostingBlockSize> lengths;
};

// The postings of one bucket, read where they lie. Throws kCorrupt for bytes that are none, and
// kUnsupported for those of a newer version: the constructor for what it looks at, decode for the
// rest.
class PostingList {
 public:
  explicit PostingList(std::string_view bytes);

  std::size_t size() const { return size_; }
  const PostingBound& bound() const { return bound_; }
  std::size_t block_count() const { return (size_ + kPostingBlockSize - 1) / kPostingBlockSize; }
  // The block that would hold `offset`, or block_count().
  std::size_t find_block(std::uint16_t offset) const;
  void decode(std::size_t block, PostingBlock& out) const;

 private:
  struct BlockHead {
    std::uint16_t last_offset;
    std::uint8_t offset_bytes;
    std::uint8_t count_bytes;
    std::uint8_t length_bytes;
  };
  BlockHead head(std::size_t block) const;
  void decode_few(PostingBlock& out) const;

  std::size_t size_ = 0;
  PostingBound bound_;
  std::string_view heads_;  // empty: postings lie in blocks_ as they are
  std::string_view blocks_;
  std::array<std::uint16_t, kBucketSize / kPostingBlockSize> block_begins_;  // in blocks_
};

// PostingList::size() at less cost, for the number of passages that hold a term.
std::size_t posting_count(std::string_view bytes);

// `changes` by growing offset, none twice.
std::string encode_posting_changes(std::span<const Posting> changes);

// What RocksDB's compactions do: `changes`, oldest first, applied to a bucket, or to each other. Of
// several changes of one passage the last one counts. They throw as PostingList does.
std::string apply_posting_changes(std::optional<std::string_view> bucket,
                                  std::span<const std::string_view> changes);
std::string join_posting_changes(std::span<const std::string_view> changes);

}  // namespace tandem

#endif  // TANDEM_STORE_POSTINGS_H_
