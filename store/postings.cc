#include "store/postings.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace tandem {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr std::uint8_t kPostingsVersion = 1;
constexpr std::size_t kFewPostings = 8;  // fewer are written without bound and blocks
constexpr std::size_t kHeaderBytes = 3;
constexpr std::size_t kPostingBytes = 6;
constexpr std::size_t kBoundBytes = 10;
constexpr std::size_t kBlockHeadBytes = 3;

[[noreturn]] void corrupt(const char* what) {
  throw Error(ErrorCode::kCorrupt, std::string("postings of the store ") + what,
              "restore the store from a backup, or index the documents into a new one");
}

std::uint16_t load(const char* bytes) {
  std::uint16_t value = 0;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

void append(std::uint16_t value, std::string& out) {
  out.push_back(static_cast<char>(value & 0xFF));
  out.push_back(static_cast<char>(value >> 8));
}

void append(const Posting& posting, std::string& out) {
  append(posting.offset, out);
  append(posting.count, out);
  append(posting.length, out);
}

void check_version(std::string_view bytes) {
  if (bytes.empty()) corrupt("are empty");
  const auto version = static_cast<std::uint8_t>(bytes[0]);
  if (version == 0) corrupt("have version 0");
  if (version > kPostingsVersion) {
    throw Error(ErrorCode::kUnsupported,
                "postings of the store have version " + std::to_string(version) +
                    ", this program knows " + std::to_string(kPostingsVersion),
                "use the newer version of Tandem that wrote this store");
  }
}

void widen(PostingBound& bound, const Posting& posting) {
  bound.max_count = std::max(bound.max_count, posting.count);
  std::uint16_t& shortest = bound.min_length[std::min<std::size_t>(posting.count, 4) - 1];
  shortest = std::min(shortest, posting.length);
}

void append_changes(std::string_view bytes, std::vector<Posting>& out) {
  check_version(bytes);
  bytes.remove_prefix(1);
  if (bytes.empty() || bytes.size() % kPostingBytes != 0) corrupt("have a misshapen change");
  for (; !bytes.empty(); bytes.remove_prefix(kPostingBytes)) {
    const Posting posting{load(bytes.data()), load(bytes.data() + 2), load(bytes.data() + 4)};
    if (posting.offset >= kBucketSize) corrupt("change a passage of another bucket");
    out.push_back(posting);
  }
}

// Of each passage the last posting, by growing offset.
void settle(std::vector<Posting>& postings) {
  const auto before = [](const Posting& a, const Posting& b) { return a.offset < b.offset; };
  // New passages have new ids: mostly there is nothing to do.
  const auto not_before = [](const Posting& a, const Posting& b) { return a.offset >= b.offset; };
  if (std::adjacent_find(postings.begin(), postings.end(), not_before) == postings.end()) return;
  std::stable_sort(postings.begin(), postings.end(), before);
  auto kept = postings.begin();
  for (auto it = postings.begin(); it != postings.end(); ++it) {
    if (it + 1 == postings.end() || (it + 1)->offset != it->offset) *kept++ = *it;
  }
  postings.erase(kept, postings.end());
}

template <typename Field>
void append_block(std::span<const Posting> postings, unsigned bytes, const Field& field,
                  std::string& out) {
  for (std::size_t i = 0; i < postings.size() && bytes > 0; ++i) {
    const std::uint16_t value = field(i);
    out.push_back(static_cast<char>(value & 0xFF));
    if (bytes == 2) out.push_back(static_cast<char>(value >> 8));
  }
}

std::string encode_bucket(std::span<const Posting> postings) {
  std::string out;
  out.push_back(static_cast<char>(kPostingsVersion));
  append(static_cast<std::uint16_t>(postings.size()), out);
  if (postings.size() < kFewPostings) {
    for (const Posting& posting : postings) append(posting, out);
    return out;
  }
  PostingBound bound;
  for (const Posting& posting : postings) widen(bound, posting);
  append(bound.max_count, out);
  for (const std::uint16_t length : bound.min_length) append(length, out);

  std::string blocks;
  int previous = -1;
  for (std::size_t begin = 0; begin < postings.size(); begin += kPostingBlockSize) {
    const auto block =
        postings.subspan(begin, std::min(kPostingBlockSize, postings.size() - begin));
    std::vector<std::uint16_t> gaps;
    std::uint16_t max_gap = 0;
    std::uint16_t max_count = 0;
    std::uint16_t max_length = 0;
    for (const Posting& posting : block) {
      gaps.push_back(static_cast<std::uint16_t>(posting.offset - previous - 1));
      previous = posting.offset;
      max_gap = std::max(max_gap, gaps.back());
      max_count = std::max(max_count, posting.count);
      max_length = std::max(max_length, posting.length);
    }
    const unsigned offset_bytes = max_gap < 256 ? 1 : 2;
    const unsigned count_bytes = max_count == 1 ? 0 : max_count < 256 ? 1 : 2;
    const unsigned length_bytes = max_length < 256 ? 1 : 2;
    append(block.back().offset, out);
    out.push_back(static_cast<char>(offset_bytes | count_bytes << 2 | length_bytes << 4));
    append_block(
        block, offset_bytes,
        [&](std::size_t i) { return offset_bytes == 1 ? gaps[i] : block[i].offset; }, blocks);
    append_block(
        block, count_bytes, [&](std::size_t i) { return block[i].count; }, blocks);
    append_block(
        block, length_bytes, [&](std::size_t i) { return block[i].length; }, blocks);
  }
  return out += blocks;
}

// Fills `out` with `size` numbers of `bytes` bytes each.
void load_numbers(const char* from, std::size_t size, unsigned bytes, std::uint16_t* out) {
  if (bytes == 2) {
    std::memcpy(out, from, 2 * size);
    return;
  }
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(from[i]);
}

}  // namespace

std::size_t posting_count(std::string_view bytes) {
  check_version(bytes);
  if (bytes.size() < kHeaderBytes) corrupt("are too short");
  const std::size_t count = load(bytes.data() + 1);
  if (count > kBucketSize) corrupt("are more than their bucket has room for");
  return count;
}

PostingList::PostingList(std::string_view bytes) : size_(posting_count(bytes)) {
  bytes.remove_prefix(kHeaderBytes);
  if (size_ < kFewPostings) {
    if (bytes.size() != size_ * kPostingBytes) corrupt("do not have the size they should have");
    blocks_ = bytes;
    if (size_ == 0) return;
    PostingBlock few;
    decode_few(few);
    for (std::size_t i = 0; i < size_; ++i) {
      widen(bound_, {few.offsets[i], few.counts[i], few.lengths[i]});
    }
    return;
  }
  const std::size_t head_bytes = block_count() * kBlockHeadBytes;
  if (bytes.size() < kBoundBytes + head_bytes) corrupt("are too short");
  bound_.max_count = load(bytes.data());
  for (std::size_t i = 0; i < 4; ++i) bound_.min_length[i] = load(bytes.data() + 2 + 2 * i);
  heads_ = bytes.substr(kBoundBytes, head_bytes);
  blocks_ = bytes.substr(kBoundBytes + head_bytes);
  std::size_t block_bytes = 0;
  for (std::size_t block = 0; block < block_count(); ++block) {
    block_begins_[block] = static_cast<std::uint16_t>(block_bytes);
    const BlockHead shape = head(block);
    block_bytes += std::min(kPostingBlockSize, size_ - block * kPostingBlockSize) *
                   (std::size_t{shape.offset_bytes} + shape.count_bytes + shape.length_bytes);
  }
  if (blocks_.size() != block_bytes) corrupt("do not have the size they should have");
}

PostingList::BlockHead PostingList::head(std::size_t block) const {
  const char* bytes = heads_.data() + block * kBlockHeadBytes;
  const auto widths = static_cast<std::uint8_t>(bytes[2]);
  const BlockHead head{load(bytes), static_cast<std::uint8_t>(widths & 3),
                       static_cast<std::uint8_t>(widths >> 2 & 3),
                       static_cast<std::uint8_t>(widths >> 4)};
  if (head.offset_bytes < 1 || head.offset_bytes > 2 || head.count_bytes > 2 ||
      head.length_bytes < 1 || head.length_bytes > 2) {
    corrupt("have a misshapen block");
  }
  return head;
}

std::size_t PostingList::find_block(std::uint16_t offset) const {
  if (heads_.empty()) return 0;
  std::size_t block = 0;
  while (block < block_count() && load(heads_.data() + block * kBlockHeadBytes) < offset) ++block;
  return block;
}

void PostingList::decode_few(PostingBlock& out) const {
  out.size = size_;
  int previous = -1;
  for (std::size_t i = 0; i < size_; ++i) {
    const char* posting = blocks_.data() + i * kPostingBytes;
    out.offsets[i] = load(posting);
    out.counts[i] = load(posting + 2);
    out.lengths[i] = load(posting + 4);
    if (out.offsets[i] <= previous || out.offsets[i] >= kBucketSize || out.counts[i] == 0) {
      corrupt("have a posting that cannot be");
    }
    previous = out.offsets[i];
  }
}

void PostingList::decode(std::size_t block, PostingBlock& out) const {
  TANDEM_CHECK(block < block_count());
  if (heads_.empty()) return decode_few(out);
  const char* data = blocks_.data() + block_begins_[block];
  const BlockHead shape = head(block);
  const std::size_t size = std::min(kPostingBlockSize, size_ - block * kPostingBlockSize);
  out.size = size;
  load_numbers(data, size, shape.offset_bytes, out.offsets.data());
  data += size * shape.offset_bytes;
  int previous = block == 0 ? -1 : head(block - 1).last_offset;
  bool grows = true;
  for (std::size_t i = 0; i < size; ++i) {
    const int offset = shape.offset_bytes == 1 ? previous + 1 + out.offsets[i] : out.offsets[i];
    grows &= offset > previous;
    out.offsets[i] = static_cast<std::uint16_t>(offset);
    previous = offset;
  }
  if (!grows || previous != shape.last_offset || previous >= static_cast<int>(kBucketSize)) {
    corrupt("have offsets that do not grow as they should");
  }
  if (shape.count_bytes == 0) {
    std::fill_n(out.counts.begin(), size, std::uint16_t{1});
  } else {
    load_numbers(data, size, shape.count_bytes, out.counts.data());
    if (std::find(out.counts.data(), out.counts.data() + size, 0) != out.counts.data() + size) {
      corrupt("have a posting that cannot be");
    }
    data += size * shape.count_bytes;
  }
  load_numbers(data, size, shape.length_bytes, out.lengths.data());
}

std::string encode_posting_changes(std::span<const Posting> changes) {
  std::string out;
  out.reserve(1 + changes.size() * kPostingBytes);
  out.push_back(static_cast<char>(kPostingsVersion));
  for (const Posting& change : changes) append(change, out);
  return out;
}

std::string apply_posting_changes(std::optional<std::string_view> bucket,
                                  std::span<const std::string_view> changes) {
  std::vector<Posting> postings;
  if (bucket) {
    const PostingList list(*bucket);
    PostingBlock block;
    for (std::size_t i = 0; i < list.block_count(); ++i) {
      list.decode(i, block);
      for (std::size_t j = 0; j < block.size; ++j) {
        postings.push_back({block.offsets[j], block.counts[j], block.lengths[j]});
      }
    }
  }
  for (const std::string_view change : changes) append_changes(change, postings);
  settle(postings);
  std::erase_if(postings, [](const Posting& posting) { return posting.count == 0; });
  return encode_bucket(postings);
}

std::string join_posting_changes(std::span<const std::string_view> changes) {
  std::vector<Posting> postings;
  for (const std::string_view change : changes) append_changes(change, postings);
  settle(postings);
  return encode_posting_changes(postings);
}

}  // namespace tandem
