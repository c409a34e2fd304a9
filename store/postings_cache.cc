#include "store/postings_cache.h"

#include <utility>

namespace tandem {

std::shared_ptr<const TermPostings> PostingsCache::find(const std::string& key,
                                                        std::uint64_t changes) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end() || place->second->changes != changes) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->postings;
}

void PostingsCache::insert(const std::string& key, std::uint64_t changes,
                           std::shared_ptr<const TermPostings> postings) {
  // What an entry takes beside its parts, for words that are in no passage.
  constexpr std::size_t kEntryBytes = 256;
  const std::size_t size = kEntryBytes + 2 * key.size() + postings->bytes.capacity() +
                           postings->buckets.capacity() * sizeof(TermPostings::Bucket);
  if (size > limit_bytes_) return;
  const std::lock_guard lock(mutex_);
  if (const auto place = places_.find(key); place != places_.end()) {
    if (place->second->changes >= changes) return;  // another search was faster, or saw more
    drop(place->second);
  }
  while (size_bytes_ + size > limit_bytes_) drop(std::prev(entries_.end()));
  entries_.push_front({key, changes, std::move(postings), size});
  places_[key] = entries_.begin();
  size_bytes_ += size;
}

void PostingsCache::drop(std::list<Entry>::iterator entry) {
  size_bytes_ -= entry->size_bytes;
  places_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace tandem
