// Postings that searches have read, for the searches to come.
#ifndef TANDEM_STORE_POSTINGS_CACHE_H_
#define TANDEM_STORE_POSTINGS_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "store/store.h"

namespace tandem {

// By key of a term (format::postings_prefix) and number of changes that the collection has seen
// when the postings were read: those of any other moment are not found, so that a search never
// mixes moments. Forgets what was not used for longest. All methods may be called from any thread.
class PostingsCache {
 public:
  explicit PostingsCache(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Null if it is not there.
  std::shared_ptr<const TermPostings> find(const std::string& key, std::uint64_t changes);
  void insert(const std::string& key, std::uint64_t changes,
              std::shared_ptr<const TermPostings> postings);

 private:
  struct Entry {
    std::string key;
    std::uint64_t changes;
    std::shared_ptr<const TermPostings> postings;
    std::size_t size_bytes;
  };
  void drop(std::list<Entry>::iterator entry);

  const std::size_t limit_bytes_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // used last first
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
  std::size_t size_bytes_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_STORE_POSTINGS_CACHE_H_
