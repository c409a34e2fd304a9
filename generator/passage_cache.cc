#include "generator/passage_cache.h"

#include <utility>

#include "base/hash.h"

namespace tandem {

PassageCache::PassageCache(const DecoderConfig& config, const PassageCacheOptions& options)
    : config_(config), options_(options), cache_(options.memory_bytes) {}

std::string PassageCache::key_of(std::span<const TokenId> passage) const {
  Sha256 hash;
  hash.update(options_.model);
  hash.update(std::as_bytes(passage));
  return hash.finish_hex();
}

std::shared_ptr<const PassageKv> PassageCache::find(std::span<const TokenId> passage) {
  const std::string key = key_of(passage);
  if (auto kv = find_in_memory(key); kv != nullptr || options_.disk == nullptr) return kv;
  auto record = options_.disk->get(key);
  if (!record) return nullptr;
  auto kv = PassageKv::read(config_, std::move(*record));
  if (kv == nullptr || static_cast<std::size_t>(kv->tokens()) != passage.size()) return nullptr;
  keep(key, kv);
  return kv;
}

std::shared_ptr<const PassageKv> PassageCache::find_in_memory(std::span<const TokenId> passage) {
  return find_in_memory(key_of(passage));
}

std::shared_ptr<const PassageKv> PassageCache::find_in_memory(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto* const kv = cache_.find(key);
  return kv == nullptr ? nullptr : *kv;
}

void PassageCache::insert(std::span<const TokenId> passage, std::shared_ptr<const PassageKv> kv) {
  const std::string key = key_of(passage);
  if (options_.disk != nullptr) options_.disk->put(key, kv->record());
  keep(key, std::move(kv));
}

void PassageCache::keep(const std::string& key, std::shared_ptr<const PassageKv> kv) {
  const std::lock_guard lock(mutex_);
  if (cache_.find(key) != nullptr) return;
  const std::size_t size = kv->record().size();
  cache_.insert(key, std::move(kv), size);
}

}  // namespace tandem
