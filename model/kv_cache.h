// Keys and values of all sequences, in blocks of 32 positions that sequences can share.
//
// A block holds its positions for every layer and key head, in half precision or in 8 bits
// (layouts: model/kernels/attention.h, byte_attention.h), or as the device wants it where they are
// on one. A sequence is a list of blocks; blocks that begin several sequences alike are held once
// and counted (Kwon et al. 2023, arXiv:2309.06180). A sequence that writes into a block which
// another one also holds gets a copy first.
//
// Everything here is for one thread at a time, except reading and writing a block's memory, which
// the decoder's threads do during a step.
#ifndef TANDEM_MODEL_KV_CACHE_H_
#define TANDEM_MODEL_KV_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/decoder_config.h"
#include "model/kernels/attention.h"
#include "model/kernels/matrix.h"

namespace tandem {

using KvBlock = std::int32_t;

// Blocks that so many positions take.
constexpr std::size_t kv_blocks_for(std::size_t positions) {
  return (positions + kernels::kBlockPositions - 1) / kernels::kBlockPositions;
}

// What keys and values are kept as.
enum class KvType { kHalf, kInt8 };

class KvPool {
 public:
  // At most `limit_bytes` of blocks, but one at least; memory is taken as it is needed.
  KvPool(const DecoderConfig& config, std::size_t limit_bytes, KvType type = KvType::kHalf);
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;
  virtual ~KvPool() = default;

  KvType type() const { return type_; }
  std::size_t block_bytes() const { return block_bytes_; }
  std::size_t block_limit() const { return block_limit_; }
  std::size_t blocks_in_use() const { return users_.size() - free_.size(); }

  // A block with one user, or -1 when all are in use. Its memory is finite but not cleared. Throws
  // kResourceExhausted when the system has no memory.
  KvBlock take();
  void share(KvBlock block);
  // Takes one user away; a block without users is free.
  void drop(KvBlock block);
  int users(KvBlock block) const { return users_[static_cast<std::size_t>(block)]; }

  // What a block has of one key head of a layer. Not for blocks on a device.
  std::byte* memory(KvBlock block, int layer, int kv_head) const;
  virtual void copy(KvBlock from, KvBlock to) const;

 protected:
  // For blocks that are elsewhere than in this process's memory.
  KvPool(std::size_t block_bytes, std::size_t block_limit);

 private:
  // Provides memory for `count` more blocks.
  virtual void grow(std::size_t count);
  std::byte* memory(KvBlock block) const;

  KvType type_ = KvType::kHalf;
  std::size_t head_bytes_ = 0;  // of one key head: keys and values
  std::size_t kv_heads_ = 0;
  std::size_t block_bytes_ = 0;
  std::size_t slab_blocks_ = 0;
  std::size_t block_limit_ = 0;
  std::vector<kernels::PageBuffer> slabs_;
  std::vector<int> users_;
  std::vector<KvBlock> free_;
};

// The pool must outlive its sequences.
class KvSequence {
 public:
  explicit KvSequence(KvPool& pool) : pool_(&pool) {}
  KvSequence(KvSequence&& other) noexcept;
  KvSequence& operator=(KvSequence&& other) noexcept;
  ~KvSequence() { clear(); }

  KvType type() const { return pool_->type(); }
  int length() const { return length_; }
  std::span<const KvBlock> blocks() const { return blocks_; }
  // Of the `index`-th block, see KvPool. halves(): the same where type() is kHalf.
  std::byte* memory(std::size_t index, int layer, int kv_head) const {
    return pool_->memory(blocks_[index], layer, kv_head);
  }
  std::uint16_t* halves(std::size_t index, int layer, int kv_head) const {
    return reinterpret_cast<std::uint16_t*>(memory(index, layer, kv_head));
  }

  // Makes positions up to `length` writable. False, and nothing is lost, when the pool has not
  // enough blocks.
  bool reserve(int length);
  // Counts positions that were written.
  void advance(int count);
  // Forgets the positions from `length` on.
  void truncate(int length);
  void clear() { truncate(0); }
  // Takes out `count` whole blocks from the `first`-th on; the positions after them move up, into
  // blocks that this sequence alone holds. False, and nothing is lost, when the pool has not enough
  // for that.
  bool remove_blocks(int first, int count);

  // Blocks that no other holds.
  std::size_t own_blocks() const;

  // Begins with `length` positions of blocks that others hold as well. The sequence must be empty.
  void adopt(std::span<const KvBlock> blocks, int length);

 private:
  // Replaces a block that others hold as well by a copy. False if the pool has none.
  bool make_own(KvBlock& block);

  KvPool* pool_;
  std::vector<KvBlock> blocks_;
  int length_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_KV_CACHE_H_
