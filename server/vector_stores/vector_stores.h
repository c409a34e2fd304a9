// Vector stores as OpenAI's clients know them: collections with names, files and an end.
//
// What is acknowledged is on the disk. Files are read by a VectorStoreWorker
// (server/vector_stores/worker.h), which also removes the documents of what was deleted or has
// expired; both have their effect for every caller at once. Every collection that has documents is
// a vector store, whoever made it: its name is its id and its name, and its documents are files.
#ifndef TANDEM_SERVER_VECTOR_STORES_VECTOR_STORES_H_
#define TANDEM_SERVER_VECTOR_STORES_VECTOR_STORES_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "indexer/ingestor.h"
#include "server/list_page.h"
#include "server/uploaded_files.h"
#include "server/vector_stores/record.h"
#include "server/vector_stores/request.h"
#include "store/store.h"

namespace tandem {

inline constexpr std::size_t kMaxVectorStores = 10'000;
inline constexpr std::size_t kMaxVectorStoreFiles = 100'000;  // with records, of all together
inline constexpr std::size_t kMaxFileBatches = 1000;  // of one; the oldest are forgotten first

// What vector stores are made of; outlives them.
struct VectorStoreSurroundings {
  Store& store;
  Ingestor* ingestor = nullptr;  // null: everything is shown, and nothing is done
  const UploadedFiles& files;
  // The bound of passages that a wish for one leads to (indexer/chunker.h); 0: no wish.
  std::function<std::size_t(std::size_t)> passage_tokens;
  std::function<std::int64_t()> now_unix_s;
};

struct FileCounts {
  std::uint64_t in_progress = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;

  void add(VectorStoreFile::Status status);
  std::uint64_t total() const { return in_progress + completed + failed + cancelled; }
};

// Each as it is at one moment.
struct VectorStoreView {
  VectorStore store;
  FileCounts files;
  std::uint64_t usage_bytes = 0;       // of the vectors
  std::int64_t expires_at_unix_s = 0;  // 0: never
};
struct VectorStoreFileView {
  VectorStoreFile file;  // with the attributes and the bound of passages that count
  std::string store_id;
  std::uint64_t usage_bytes = 0;
};
struct FileBatchView {
  FileBatch batch;
  std::string store_id;
  FileCounts files;
};

// A file that is to be read.
struct FileTask {
  std::string store_id;
  VectorStoreFile file;
};

// What is thrown for a file that is not there: RequestError (404).
[[noreturn]] void throw_file_not_found(std::string_view id, std::string_view file_id);

// All methods may be called from any thread. Those that name a vector store, a file or a batch
// throw RequestError: 404 for one that is not there, 400 for the files of one that has expired.
// What changes something throws as write_file_atomic and Ingestor do.
class VectorStores {
 public:
  explicit VectorStores(VectorStoreSurroundings surroundings);

  std::vector<ListPlace> places() const;
  // Also of one that was deleted lately.
  std::optional<ListPlace> place(std::string_view id) const;
  VectorStoreView find(std::string_view id) const;
  VectorStoreView create(const VectorStoreRequest& request);
  VectorStoreView update(std::string_view id, const VectorStoreChange& change);
  void remove(std::string_view id);
  // That it may be searched; it is active now.
  void check_searchable(std::string_view id);
  // False for a collection whose documents are about to be removed.
  bool is_served(std::string_view collection) const;

  // `batch` and `status` may be empty. Takes time in proportion to the documents of the store.
  std::vector<ListPlace> file_places(std::string_view id, std::string_view batch,
                                     std::optional<VectorStoreFile::Status> status) const;
  std::optional<ListPlace> file_place(std::string_view id, std::string_view file_id) const;
  VectorStoreFileView find_file(std::string_view id, std::string_view file_id) const;
  // Nothing if it is not there.
  std::optional<VectorStoreFileView> look_for_file(std::string_view id,
                                                   std::string_view file_id) const;
  // A file that is there already is read anew.
  VectorStoreFileView add_file(std::string_view id, const AddedFile& file);
  VectorStoreFileView set_attributes(std::string_view id, std::string_view file_id,
                                     const Attributes& attributes);
  void remove_file(std::string_view id, std::string_view file_id);
  // Of an uploaded file that was deleted: from all of them.
  void forget_file(std::string_view file_id);

  FileBatchView add_batch(std::string_view id, std::span<const AddedFile> files);
  FileBatchView find_batch(std::string_view id, std::string_view batch_id) const;
  FileBatchView cancel_batch(std::string_view id, std::string_view batch_id);

  // For the worker. The oldest file in progress.
  std::optional<FileTask> next_file() const;
  bool is_wanted(const FileTask& task) const;
  void complete(const FileTask& task, const IngestResult& result);
  void fail(const FileTask& task, const std::string& code, const std::string& message);
  // Removes some of the documents that are nobody's any more. Whether there may be more of them.
  bool clean_up();
  // Returns when there may be something to do, after wake(), or when the time has passed.
  void wait(std::chrono::milliseconds at_most);
  void wake();

 private:
  struct Kept {
    VectorStore store;
    std::int64_t active_on_disk_unix_s = 0;                     // store.last_active_at_unix_s there
    std::map<std::string, VectorStoreFile, std::less<>> files;  // by id, as the next ones
    std::map<std::string, FileBatch, std::less<>> batches;
  };
  enum class Need { kAny, kLive };

  // Those that expect mutex_ to be held. Null for what was deleted.
  const Kept* find_kept(std::string_view id) const;
  const VectorStoreFile* find_record(std::string_view id, std::string_view file_id) const;
  bool has_expired(const VectorStore& store) const;
  bool is_still_wanted(const FileTask& task) const;
  FileCounts count_files(const Kept& kept) const;
  void forget_files(Kept& kept);
  void forget_record(Kept& kept, std::string_view file_id);
  void remember_deleted(const std::string& key, const ListPlace& place);

  // Those that expect writing_ to be held, if anything.
  VectorStore require(std::string_view id, Need need) const;
  std::optional<VectorStore> made_otherwise(std::string_view id) const;
  std::optional<VectorStoreFile> record_of(std::string_view id, std::string_view file_id) const;
  std::uint64_t usage_of(std::uint64_t passages) const;
  std::uint64_t next_sequence();
  std::string ensure_record(std::string_view id);
  void put(const VectorStore& store);
  void retire(VectorStore store, VectorStore::State state);
  std::vector<VectorStoreFile> new_files(std::span<const AddedFile> files,
                                         const std::string& batch);
  void write_files(const std::string& id, std::span<const VectorStoreFile> files);
  void keep_files(const std::string& id, std::span<const VectorStoreFile> files);
  void put_file(const std::string& id, const VectorStoreFile& file);
  bool drop_file(const std::string& id, std::string_view file_id);
  void drop_from_all(std::string_view file_id);
  void forget_old_batches(const std::string& id);
  void expire_those_due();
  void drop_orphans();
  bool remove_documents(const VectorStore& store);

  const VectorStoreSurroundings around_;
  const VectorStoreRecords records_;
  // Held from what a change reads to what it has written; before mutex_. Searches and looks at
  // progress therefore never wait for the disk.
  std::mutex writing_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable woken_;
  bool is_woken_ = false;
  std::map<std::string, Kept, std::less<>> stores_;  // by id
  // Files in progress, by sequence: vector store and file.
  std::map<std::uint64_t, std::pair<std::string, std::string>> waiting_;
  std::size_t file_count_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::vector<std::string> orphans_;  // files whose uploaded file was gone at the start
  // Where those that were deleted lately stood, for clients that delete what they list.
  std::map<std::string, ListPlace, std::less<>> deleted_;
  std::deque<std::string> deleted_order_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_VECTOR_STORES_VECTOR_STORES_H_
