// Passages that were read by themselves (model/passage_kv.h), found again by their tokens: in
// memory, and on disk where there is a cache for it.
#ifndef TANDEM_GENERATOR_PASSAGE_CACHE_H_
#define TANDEM_GENERATOR_PASSAGE_CACHE_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "base/lru_cache.h"
#include "model/decoder_config.h"
#include "model/passage_kv.h"
#include "model/tokenizers/tokenizer.h"
#include "store/byte_cache.h"

namespace tandem {

struct PassageCacheOptions {
  std::size_t memory_bytes = std::size_t{512} << 20;
  // Null: in memory only. Must outlive the cache.
  ByteCache* disk = nullptr;
  // What the model, and all that decides what it makes of a passage, is known by on disk, where
  // passages of several may be.
  std::string model = {};
};

// All methods may be called from any thread.
class PassageCache {
 public:
  PassageCache(const DecoderConfig& config, const PassageCacheOptions& options);

  // Null if the passage is not known, or what the disk has of it is damaged.
  std::shared_ptr<const PassageKv> find(std::span<const TokenId> passage);
  // As find(), without waiting for the disk.
  std::shared_ptr<const PassageKv> find_in_memory(std::span<const TokenId> passage);
  // Forgets those used longest ago where memory is short; they stay on disk as long as it keeps
  // them.
  void insert(std::span<const TokenId> passage, std::shared_ptr<const PassageKv> kv);

 private:
  std::string key_of(std::span<const TokenId> passage) const;
  std::shared_ptr<const PassageKv> find_in_memory(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<const PassageKv> kv);

  const DecoderConfig config_;
  const PassageCacheOptions options_;

  std::mutex mutex_;
  LruCache<std::shared_ptr<const PassageKv>> cache_;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_PASSAGE_CACHE_H_
