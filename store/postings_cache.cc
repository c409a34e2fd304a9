#include "store/postings_cache.h"

#include <utility>

namespace tandem {

std::shared_ptr<const TermPostings> PostingsCache::find(const std::string& key,
                                                        std::uint64_t changes) {
  const std::lock_guard lock(mutex_);
  const Moment* const known = cache_.find(key);
  return known != nullptr && known->changes == changes ? known->postings : nullptr;
}

void PostingsCache::insert(const std::string& key, std::uint64_t changes,
                           std::shared_ptr<const TermPostings> postings) {
  // What an entry takes beside its parts, for words that are in no passage.
  constexpr std::size_t kEntryBytes = 256;
  const std::size_t size = kEntryBytes + 2 * key.size() + postings->bytes.capacity() +
                           postings->buckets.capacity() * sizeof(TermPostings::Bucket);
  const std::lock_guard lock(mutex_);
  const Moment* const known = cache_.find(key);
  if (known != nullptr && known->changes >= changes)
    return;  // another search was faster, or saw more
  cache_.insert(key, {changes, std::move(postings)}, size);
}

}  // namespace tandem
