// What is known of vector stores beyond their documents, and how it is kept.
//
// A vector store is a collection of the store, whose name is its id. In the folder of the store,
// vector_stores/ID/:
//
//   store.json           VectorStore, with "version"
//   files/FILE.json      VectorStoreFile, of an uploaded file that was added
//   batches/BATCH.json   FileBatch
//
// store.json is written last when a vector store is made. A folder without one is what a crash
// left, and is removed when the records are read. Names that clients give are in records only:
// folders have the names of collections, files those of ids that the server gave.
#ifndef TANDEM_SERVER_VECTOR_STORES_RECORD_H_
#define TANDEM_SERVER_VECTOR_STORES_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "server/json_fields.h"
#include "server/list_page.h"
#include "store/store.h"

namespace tandem {

struct VectorStore {
  enum class State {
    kLive,
    kExpired,  // its documents are gone, or about to go
    kDeleted,  // there for nobody; the record goes with the last document
  };

  std::string id;
  std::uint64_t sequence = 0;  // grows with each vector store and each file; 0 without a record
  std::string name;
  std::string description;
  Metadata metadata;
  int expires_after_days = 0;  // after it was last active; 0: never
  std::int64_t created_at_unix_s = 0;
  std::int64_t last_active_at_unix_s = 0;
  State state = State::kLive;
  // Unless it is live: its documents with passages up to this one are to be removed. What was added
  // later, by other ways, is another's.
  PassageId removed_up_to = 0;
};

struct VectorStoreFile {
  enum class Status { kInProgress, kCompleted, kFailed, kCancelled };

  std::string id;              // of the uploaded file, and of the document
  std::uint64_t sequence = 0;  // 0 for a document that came by other ways
  std::string batch;           // empty: none
  std::int64_t created_at_unix_s = 0;
  Status status = Status::kInProgress;
  std::string error_code;  // of kFailed, as OpenAI has them
  std::string error_message;
  Attributes attributes;  // of kCompleted, the document's count
  // Most tokens of a passage: those that were asked for (0: as many as are usual), and, once it is
  // completed, those that it was cut by.
  std::size_t asked_passage_tokens = 0;
  std::size_t passage_tokens = 0;
};

// Files that were added together. Which they are is in their own records.
struct FileBatch {
  std::string id;
  std::uint64_t sequence = 0;
  std::int64_t created_at_unix_s = 0;
  bool cancelled = false;  // before all were done
};

// As OpenAI calls it.
std::string_view to_string(VectorStoreFile::Status status);

// Where each stands in lists.
ListPlace place_of(const VectorStore& store);
ListPlace place_of(const VectorStoreFile& file);

// The records of a store. Reading and writing is for one thread at a time.
class VectorStoreRecords {
 public:
  struct Kept {
    VectorStore store;
    std::vector<VectorStoreFile> files;
    std::vector<FileBatch> batches;
  };

  explicit VectorStoreRecords(const std::filesystem::path& store)
      : folder_(store / "vector_stores") {}

  // Records that cannot be read are passed over, with a warning in the log.
  std::vector<Kept> read() const;
  void remove_leftovers() const;
  // All of these throw as write_file_atomic and make_record_folder do.
  void write(const VectorStore& store) const;
  void write(std::string_view store_id, const VectorStoreFile& file) const;
  void write(std::string_view store_id, const FileBatch& batch) const;
  // Of what is there or not.
  void remove(std::string_view store_id) const;
  void remove_file(std::string_view store_id, std::string_view file_id) const;
  void remove_batch(std::string_view store_id, std::string_view batch_id) const;
  // All files and batches.
  void remove_files(std::string_view store_id) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_VECTOR_STORES_RECORD_H_
