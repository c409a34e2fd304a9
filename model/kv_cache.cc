#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "model/kernels/byte_attention.h"

namespace tandem {
namespace {

// What the pool grows by: slabs are rounded up to huge pages, of which this many lose little.
constexpr std::size_t kSlabBytes = std::size_t{32} << 20;
constexpr int kBlock = static_cast<int>(kernels::kBlockPositions);

std::size_t blocks_for(int length) {
  return kv_blocks_for(static_cast<std::size_t>(length));
}

std::size_t bytes_of_head(KvType type, std::size_t head_size) {
  return type == KvType::kInt8 ? kernels::byte_block_bytes(head_size)
                               : 2 * kernels::block_elements(head_size) * sizeof(std::uint16_t);
}

}  // namespace

KvPool::KvPool(const DecoderConfig& config, std::size_t limit_bytes, KvType type)
    : type_(type),
      head_bytes_(bytes_of_head(type, static_cast<std::size_t>(config.head_size))),
      kv_heads_(static_cast<std::size_t>(config.kv_head_count)),
      block_bytes_(head_bytes_ * kv_heads_ * static_cast<std::size_t>(config.layer_count)),
      slab_blocks_(std::max<std::size_t>(1, kSlabBytes / block_bytes_)),
      block_limit_(std::max<std::size_t>(1, limit_bytes / block_bytes_)) {}

KvPool::KvPool(std::size_t block_bytes, std::size_t block_limit)
    : block_bytes_(block_bytes), block_limit_(block_limit) {
  TANDEM_CHECK(block_bytes > 0 && block_limit > 0);
  slab_blocks_ = std::max<std::size_t>(1, kSlabBytes / block_bytes);
}

void KvPool::grow(std::size_t count) {
  slabs_.emplace_back(count * block_bytes());
}

KvBlock KvPool::take() {
  if (free_.empty()) {
    if (users_.size() == block_limit_) return -1;
    const std::size_t count = std::min(slab_blocks_, block_limit_ - users_.size());
    grow(count);
    for (std::size_t i = 0; i < count; ++i) {
      free_.push_back(static_cast<KvBlock>(users_.size()));
      users_.push_back(0);
    }
    std::reverse(free_.begin(), free_.end());
  }
  const KvBlock block = free_.back();
  free_.pop_back();
  users_[static_cast<std::size_t>(block)] = 1;
  return block;
}

void KvPool::share(KvBlock block) {
  TANDEM_CHECK(users(block) > 0);
  ++users_[static_cast<std::size_t>(block)];
}

void KvPool::drop(KvBlock block) {
  TANDEM_CHECK(users(block) > 0);
  if (--users_[static_cast<std::size_t>(block)] == 0) free_.push_back(block);
}

std::byte* KvPool::memory(KvBlock block) const {
  const auto index = static_cast<std::size_t>(block);
  return slabs_[index / slab_blocks_].data() + index % slab_blocks_ * block_bytes_;
}

std::byte* KvPool::memory(KvBlock block, int layer, int kv_head) const {
  const std::size_t head =
      static_cast<std::size_t>(layer) * kv_heads_ + static_cast<std::size_t>(kv_head);
  return memory(block) + head * head_bytes_;
}

void KvPool::copy(KvBlock from, KvBlock to) const {
  std::memcpy(memory(to), memory(from), block_bytes());
}

KvSequence::KvSequence(KvSequence&& other) noexcept
    : pool_(other.pool_),
      blocks_(std::exchange(other.blocks_, {})),
      length_(std::exchange(other.length_, 0)) {}

KvSequence& KvSequence::operator=(KvSequence&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(blocks_, other.blocks_);
  std::swap(length_, other.length_);
  return *this;
}

bool KvSequence::make_own(KvBlock& block) {
  if (pool_->users(block) == 1) return true;
  const KvBlock own = pool_->take();
  if (own < 0) return false;
  pool_->copy(block, own);
  pool_->drop(block);
  block = own;
  return true;
}

bool KvSequence::reserve(int length) {
  // The block that the next position falls into may be shared.
  if (length > length_ && length_ % kBlock != 0 &&
      !make_own(blocks_[static_cast<std::size_t>(length_ / kBlock)]))
    return false;
  while (blocks_.size() < blocks_for(length)) {
    const KvBlock block = pool_->take();
    if (block < 0) return false;
    blocks_.push_back(block);
  }
  return true;
}

void KvSequence::advance(int count) {
  TANDEM_CHECK(count >= 0 && blocks_for(length_ + count) <= blocks_.size());
  length_ += count;
}

void KvSequence::truncate(int length) {
  TANDEM_CHECK(length >= 0 && length <= length_);
  length_ = length;
  while (blocks_.size() > blocks_for(length)) {
    pool_->drop(blocks_.back());
    blocks_.pop_back();
  }
}

bool KvSequence::remove_blocks(int first, int count) {
  TANDEM_CHECK(first >= 0 && count > 0 && (first + count) * kBlock <= length_);
  const auto begin = blocks_.begin() + first;
  const auto end = begin + count;
  for (auto block = end; block != blocks_.end(); ++block)
    if (!make_own(*block)) return false;
  std::for_each(begin, end, [this](KvBlock block) { pool_->drop(block); });
  blocks_.erase(begin, end);
  length_ -= count * kBlock;
  return true;
}

std::size_t KvSequence::own_blocks() const {
  return static_cast<std::size_t>(std::count_if(
      blocks_.begin(), blocks_.end(), [this](KvBlock block) { return pool_->users(block) == 1; }));
}

void KvSequence::adopt(std::span<const KvBlock> blocks, int length) {
  TANDEM_CHECK(length_ == 0 && blocks_.empty() && blocks.size() == blocks_for(length));
  for (const KvBlock block : blocks) {
    pool_->share(block);
    blocks_.push_back(block);
  }
  length_ = length;
}

}  // namespace tandem
