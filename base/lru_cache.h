// Values by key, limited in bytes; those that were not used for longest are forgotten first.
#ifndef TANDEM_BASE_LRU_CACHE_H_
#define TANDEM_BASE_LRU_CACHE_H_

#include <cstddef>
#include <iterator>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace tandem {

// Used by one thread at a time; whoever shares it holds a lock around it.
template <typename Value>
class LruCache {
 public:
  explicit LruCache(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Null if it is not there; valid until the next insertion. Counts as a use.
  const Value* find(const std::string& key) {
    const auto place = places_.find(key);
    if (place == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, place->second);
    return &place->second->value;
  }

  // Replaces what is there. A value larger than the whole cache is not kept.
  void insert(const std::string& key, Value value, std::size_t size_bytes) {
    if (const auto place = places_.find(key); place != places_.end()) drop(place->second);
    if (size_bytes > limit_bytes_) return;
    while (size_bytes_ + size_bytes > limit_bytes_) drop(std::prev(entries_.end()));
    entries_.push_front({key, std::move(value), size_bytes});
    places_[key] = entries_.begin();
    size_bytes_ += size_bytes;
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    std::size_t size_bytes;
  };
  using Entries = std::list<Entry>;  // used last first

  void drop(typename Entries::iterator entry) {
    size_bytes_ -= entry->size_bytes;
    places_.erase(entry->key);
    entries_.erase(entry);
  }

  const std::size_t limit_bytes_;
  Entries entries_;
  std::unordered_map<std::string, typename Entries::iterator> places_;
  std::size_t size_bytes_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_BASE_LRU_CACHE_H_
