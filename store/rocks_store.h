// The store on RocksDB. For the sources of this room: what each of them defines is said below.
#ifndef TANDEM_STORE_ROCKS_STORE_H_
#define TANDEM_STORE_ROCKS_STORE_H_

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "store/format.h"
#include "store/posting_changes.h"
#include "store/postings_cache.h"
#include "store/records.h"
#include "store/store.h"

namespace tandem {

class RocksStore : public Store {
 public:
  RocksStore(const std::filesystem::path& folder, const StoreOptions& options);

  // store.cc
  const std::filesystem::path& folder() const override { return folder_; }
  const std::string& identity() const override { return identity_; }
  StoreSettings settings() const override;
  void set_settings(const StoreSettings& settings) override;
  std::vector<CollectionInfo> list_collections() const override;
  std::optional<CollectionInfo> get_collection(std::string_view name) const override;

  // store_documents.cc
  StoreChange put_document(const Document& document, std::span<const Passage> passages,
                           std::span<const float> vectors,
                           std::span<const PassageTerms> terms) override;
  std::optional<Document> set_attributes(std::string_view name, std::string_view id,
                                         const Attributes& attributes) override;
  std::optional<Document> set_readers(std::string_view name, std::string_view id,
                                      const Readers& readers) override;
  StoreChange delete_document(std::string_view name, std::string_view id) override;
  std::optional<Document> get_document(std::string_view name, std::string_view id) const override;
  std::optional<Document> get_header(std::string_view name, std::string_view id) const override;
  std::vector<Document> list_documents(std::string_view name, std::string_view after,
                                       std::size_t limit) const override;
  void for_each_document(std::string_view name,
                         const std::function<void(const Document&)>& visit) const override;

  // store_passages.cc
  std::vector<std::optional<Passage>> get_passages(std::span<const PassageId> ids) const override;
  std::vector<Passage> document_passages(std::string_view name, std::string_view id) const override;
  std::vector<Passage> passages_after(PassageId after, std::size_t limit) const override;
  void for_each_passage(
      std::string_view name, std::string_view id,
      const std::function<void(const Passage&, std::span<const float>)>& visit) const override;
  void for_each_vector(std::uint32_t set, std::string_view name, PassageId after, PassageId last,
                       const VectorVisitor& visit) const override;
  std::vector<PassageId> deleted_passages(std::string_view name, PassageId last) const override;

  // store_terms.cc
  PostingsSnapshot read_postings(std::string_view name,
                                 std::span<const std::string> terms) const override;
  void restart_terms(const std::string& analysis) override;
  std::vector<Passage> passages_without_terms(PassageId after, std::size_t limit) const override;
  void add_terms(std::span<const Passage> passages, std::span<const PassageTerms> terms) override;

  // store_releases.cc
  std::vector<Release> releases() const override;
  std::optional<Release> live_release() const override;
  std::optional<Release> previous_release() const override;
  std::uint32_t reserve_release() override;
  Release add_release(const Release& release) override;
  void promote_release(std::uint32_t number) override;
  void remove_release(std::uint32_t number) override;
  VectorSet live_vectors() const override;
  std::optional<VectorSet> vector_set(std::uint32_t number) const override;
  PassageId last_passage() const override;
  void add_vectors(std::uint32_t set, std::span<const Passage> passages,
                   std::span<const float> vectors) override;

 private:
  // What set_attributes() and set_readers() do, with `change` as what is set.
  std::optional<Document> change_header(std::string_view name, std::string_view id,
                                        const std::function<void(Document&)>& change);
  using CollectionRecord = format::CollectionRecord;

  // Copies of records, so that searches need no read for them.
  struct State {
    StoreSettings settings;
    std::map<std::string, CollectionRecord, std::less<>> collections;
    std::map<std::uint32_t, std::string> names;  // by number
    // All three empty, or at their beginning, until there is a second release.
    format::ReleasesRecord numbers;
    std::map<std::uint32_t, Release> releases;
    std::map<std::uint32_t, VectorSet> sets;
  };

  // A key of a family that holds vectors.
  struct VectorKey {
    Family family = Family::kVectors;
    std::string key;
  };

  // All keys of a set of vectors.
  struct VectorRange {
    Family family = Family::kVectors;
    std::string first;
    std::string end;
  };

  // store.cc
  void load();
  void load_releases();
  void make_writable();
  [[noreturn]] void missing(const char* what) const;
  std::optional<CollectionRecord> find_collection(std::string_view name) const;
  CollectionRecord find_or_number(std::string_view name);
  void remember(const std::string& name, const CollectionRecord& record);

  // store_documents.cc
  void check_vectors(std::size_t passage_count, std::span<const float> vectors,
                     std::size_t dimension) const;
  void erase(rocksdb::WriteBatch& batch, CollectionRecord& collection, std::string_view key,
             const Document& document, PostingChanges& postings, StoreChange& change) const;
  void put_terms(rocksdb::WriteBatch& batch, CollectionRecord& collection, PassageId id,
                 const PassageTerms& terms, PostingChanges& postings) const;
  void merge(rocksdb::WriteBatch& batch, const PostingChanges& postings) const;
  // Without the id and the collection, which the caller has.
  std::optional<Document> read_header(std::string_view key,
                                      const rocksdb::Snapshot* snapshot = nullptr) const;
  template <typename Visit>
  void scan_documents(std::string_view name, std::string_view after, const Visit& visit) const;

  // store_passages.cc
  template <typename Visit>
  void read_passages(std::string_view name, std::string_view id, const Visit& visit) const;
  Passage to_passage(PassageId id, std::string_view value) const;
  static VectorKey vector_key(std::uint32_t set, std::uint32_t collection, PassageId id);
  static VectorRange vector_range(std::uint32_t set);

  // store_releases.cc; the first two while state_mutex_ or write_mutex_ is held.
  std::map<std::uint32_t, Release> known_releases() const;
  std::map<std::uint32_t, VectorSet> known_sets() const;
  void put_release(rocksdb::WriteBatch& batch, const Release& release) const;
  void put_set(rocksdb::WriteBatch& batch, const VectorSet& set) const;
  PassageId greatest_passage() const;

  const std::filesystem::path folder_;
  const StoreOptions options_;
  mutable PostingsCache postings_cache_;
  std::string identity_;
  Records records_;

  std::mutex write_mutex_;                   // held during each write
  std::atomic<PassageId> next_passage_ = 1;  // changed by whoever holds it
  // Guards `state_`, which is changed only by a thread that also holds write_mutex_, and may
  // therefore be read by that one without this.
  mutable std::shared_mutex state_mutex_;
  State state_;
};

}  // namespace tandem

#endif  // TANDEM_STORE_ROCKS_STORE_H_
