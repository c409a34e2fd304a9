#include "store/posting_changes.h"

#include <algorithm>
#include <deque>
#include <limits>

#include "base/error.h"
#include "base/log.h"

namespace tandem {
namespace {

std::uint16_t clipped(std::uint32_t value) {
  return static_cast<std::uint16_t>(
      std::min<std::uint32_t>(value, std::numeric_limits<std::uint16_t>::max()));
}

std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

template <typename Slices>
std::vector<std::string_view> views(const Slices& slices) {
  std::vector<std::string_view> result;
  result.reserve(slices.size());
  for (const rocksdb::Slice& bytes : slices) result.push_back(view(bytes));
  return result;
}

class PostingsMerge : public rocksdb::MergeOperator {
 public:
  // Kept by RocksDB with the family and compared when it is opened.
  const char* Name() const override { return "tandem.postings.1"; }

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    return merge([&] {
      std::optional<std::string_view> bucket;
      if (in.existing_value != nullptr) bucket = view(*in.existing_value);
      out->new_value = apply_posting_changes(bucket, views(in.operand_list));
    });
  }

  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& operands,
                         std::string* out, rocksdb::Logger*) const override {
    return merge([&] { *out = join_posting_changes(views(operands)); });
  }

 private:
  // False tells RocksDB that what it read is damaged; nothing may be thrown through it.
  template <typename Merge>
  static bool merge(const Merge& do_merge) {
    try {
      do_merge();
      return true;
    } catch (const Error& error) {
      log_error("cannot merge postings: {}", error.what());
      return false;
    }
  }
};

class EmptyBucketFilter : public rocksdb::CompactionFilter {
 public:
  const char* Name() const override { return "tandem.empty_buckets"; }

  Decision FilterV2(int, const rocksdb::Slice&, ValueType type, const rocksdb::Slice& value,
                    std::string*, std::string*) const override {
    if (type != ValueType::kValue) return Decision::kKeep;
    try {
      return posting_count(view(value)) == 0 ? Decision::kRemove : Decision::kKeep;
    } catch (const Error&) {
      return Decision::kKeep;  // whoever reads it will say what is wrong
    }
  }
};

}  // namespace

void PostingChanges::add(format::CollectionRecord& collection, PassageId id,
                         const PassageTerms& terms) {
  const auto bucket = static_cast<std::uint32_t>(id >> kBucketBits);
  const auto offset = static_cast<std::uint16_t>(id % kBucketSize);
  for (const auto& [term, count] : terms.counts) {
    by_key_[format::postings_key(collection.number, term, bucket)].push_back(
        {offset, clipped(count), clipped(terms.length)});
  }
  collection.passages_with_terms += 1;
  collection.changes += 1;
  collection.total_length += terms.length;
}

void PostingChanges::remove(format::CollectionRecord& collection, PassageId id,
                            const PassageTerms& terms) {
  const auto bucket = static_cast<std::uint32_t>(id >> kBucketBits);
  const auto offset = static_cast<std::uint16_t>(id % kBucketSize);
  for (const auto& [term, count] : terms.counts) {
    by_key_[format::postings_key(collection.number, term, bucket)].push_back({offset, 0, 0});
  }
  collection.passages_with_terms -= 1;
  collection.changes += 1;
  collection.total_length -= terms.length;
}

std::shared_ptr<rocksdb::MergeOperator> make_postings_merge() {
  return std::make_shared<PostingsMerge>();
}

const rocksdb::CompactionFilter* empty_bucket_filter() {
  static const EmptyBucketFilter filter;
  return &filter;
}

}  // namespace tandem
