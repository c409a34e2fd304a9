// What one write changes in the postings of one collection.
#ifndef TANDEM_STORE_POSTING_CHANGES_H_
#define TANDEM_STORE_POSTING_CHANGES_H_

#include <rocksdb/compaction_filter.h>
#include <rocksdb/merge_operator.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/format.h"
#include "store/postings.h"

namespace tandem {

class PostingChanges {
 public:
  // Of passages by growing id. They keep what `collection` counts of terms up to date.
  void add(format::CollectionRecord& collection, PassageId id, const PassageTerms& terms);
  void remove(format::CollectionRecord& collection, PassageId id, const PassageTerms& terms);

  // By key of the family `postings`, for encode_posting_changes.
  const std::unordered_map<std::string, std::vector<Posting>>& by_key() const { return by_key_; }

 private:
  std::unordered_map<std::string, std::vector<Posting>> by_key_;
};

// Merges such changes, in the family `postings`.
std::shared_ptr<rocksdb::MergeOperator> make_postings_merge();
// Drops buckets that have become empty, when a compaction comes to them: a merge cannot. Stateless;
// it lives as long as the program.
const rocksdb::CompactionFilter* empty_bucket_filter();

}  // namespace tandem

#endif  // TANDEM_STORE_POSTING_CHANGES_H_
