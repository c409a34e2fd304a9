#include "generator/passage_cache.h"

#include <utility>

#include "base/hash.h"

namespace tandem {

PassageCache::PassageCache(const DecoderConfig& config, const PassageCacheOptions& options)
    : config_(config), options_(options) {}

std::string PassageCache::key_of(std::span<const TokenId> passage) const {
  Sha256 hash;
  hash.update(options_.model);
  hash.update(std::as_bytes(passage));
  return hash.finish_hex();
}

std::shared_ptr<const PassageKv> PassageCache::find(std::span<const TokenId> passage) {
  std::string key = key_of(passage);
  if (auto kv = find_in_memory(key); kv != nullptr || options_.disk == nullptr) return kv;
  auto record = options_.disk->get(key);
  if (!record) return nullptr;
  auto kv = PassageKv::read(config_, std::move(*record));
  if (kv == nullptr || static_cast<std::size_t>(kv->tokens()) != passage.size()) return nullptr;
  keep(std::move(key), kv);
  return kv;
}

std::shared_ptr<const PassageKv> PassageCache::find_in_memory(std::span<const TokenId> passage) {
  return find_in_memory(key_of(passage));
}

std::shared_ptr<const PassageKv> PassageCache::find_in_memory(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->kv;
}

void PassageCache::insert(std::span<const TokenId> passage, std::shared_ptr<const PassageKv> kv) {
  std::string key = key_of(passage);
  if (options_.disk != nullptr) options_.disk->put(key, kv->record());
  keep(std::move(key), std::move(kv));
}

void PassageCache::keep(std::string key, std::shared_ptr<const PassageKv> kv) {
  const std::lock_guard lock(mutex_);
  if (places_.contains(key)) return;
  bytes_ += kv->record().size();
  entries_.push_front({key, std::move(kv)});
  places_.emplace(std::move(key), entries_.begin());
  while (bytes_ > options_.memory_bytes && !entries_.empty()) {
    bytes_ -= entries_.back().kv->record().size();
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace tandem
