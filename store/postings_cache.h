// Postings that searches have read, for the searches to come.
#ifndef TANDEM_STORE_POSTINGS_CACHE_H_
#define TANDEM_STORE_POSTINGS_CACHE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/lru_cache.h"
#include "store/store.h"

namespace tandem {

// By key of a term (format::postings_prefix) and number of changes that the collection has seen
// when the postings were read: those of any other moment are not found, so that a search never
// mixes moments. Forgets what was not used for longest. All methods may be called from any thread.
class PostingsCache {
 public:
  explicit PostingsCache(std::size_t limit_bytes) : cache_(limit_bytes) {}

  // Null if it is not there.
  std::shared_ptr<const TermPostings> find(const std::string& key, std::uint64_t changes);
  void insert(const std::string& key, std::uint64_t changes,
              std::shared_ptr<const TermPostings> postings);

 private:
  struct Moment {
    std::uint64_t changes;
    std::shared_ptr<const TermPostings> postings;
  };

  std::mutex mutex_;
  LruCache<Moment> cache_;
};

}  // namespace tandem

#endif  // TANDEM_STORE_POSTINGS_CACHE_H_
