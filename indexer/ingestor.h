// From bytes to searchable: read, chunk, encode, write.
#ifndef TANDEM_INDEXER_INGESTOR_H_
#define TANDEM_INDEXER_INGESTOR_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "indexer/chunker.h"
#include "indexer/reader.h"
#include "retriever/attribute_index.h"
#include "retriever/dense_index.h"
#include "retriever/encoder.h"
#include "retriever/text_analysis.h"
#include "store/store.h"

namespace tandem {

struct IngestRequest {
  std::string bytes;   // the original
  std::string source;  // path or file name; its extension helps to choose the reader
  std::string collection = kDefaultCollection;
  std::string title;  // empty: the document's own title, else the name of the source
  std::string id;     // empty: make_document_id(source)
  // Without them a document that is there already keeps those it has.
  std::optional<Attributes> attributes = std::nullopt;
  std::optional<Readers> readers = std::nullopt;  // as attributes
  // Bound of its passages, as chunk_options() takes it.
  std::size_t max_passage_tokens = 0;
  // If not empty: called between batches of passages, and once more when nothing else can be
  // written, right before the document is. What it throws ends the call, and nothing is changed.
  std::function<void()> check_wanted = {};
};

enum class IngestStatus {
  kAdded,
  kReplaced,
  kUpdated,  // only its attributes or readers changed
  kUnchanged
};

struct IngestResult {
  IngestStatus status = IngestStatus::kAdded;
  std::string document_id;
  std::string title;
  std::uint32_t passage_count = 0;
  // Passages that had to be encoded: those that the version before did not have.
  std::uint32_t encoded_count = 0;
  std::size_t max_passage_tokens = 0;  // that bounded them
};

struct IngestFailure {
  std::string source;
  std::string reason;
};

struct FolderReport {
  std::uint64_t added = 0;
  std::uint64_t replaced = 0;
  std::uint64_t updated = 0;  // in their attributes or readers alone
  std::uint64_t unchanged = 0;
  std::uint64_t passages = 0;  // written in this run
  std::uint64_t encoded = 0;   // of these, those that an earlier version did not have
  std::uint64_t skipped = 0;   // files of no known extension
  std::vector<IngestFailure> failures;
};

struct FolderProgress {
  std::uint64_t files_done = 0;
  std::uint64_t files_total = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
  std::uint64_t passages_done = 0;  // encoded
};

// What documents are encoded with, and made searchable in.
struct IngestTarget {
  std::shared_ptr<const Encoder> encoder;
  std::shared_ptr<DenseIndex> index;
};

// Borrows its parts, which must outlive it. All methods may be called from any thread. Nothing else
// may write to the same indexes: they must learn of changes in the order in which the store made
// them, which only one Ingestor can see to.
class Ingestor {
 public:
  // `analysis` must be the one of complete_terms (retriever/lexical_index.h).
  Ingestor(Store& store, DenseIndex& index, AttributeIndex& attributes, const Encoder& encoder,
           const TextAnalysis& analysis, ReadLimits limits = {});
  Ingestor(Store& store, IngestTarget target, AttributeIndex& attributes,
           const TextAnalysis& analysis, ReadLimits limits = {});

  // Makes `change` give the target from now on. It is called while nothing is being written, and
  // must make the vectors of its encoder the store's live ones; what it throws leaves the target as
  // it was. Documents that are being encoded meanwhile are encoded again for the new target.
  void switch_target(const std::function<IngestTarget()>& change);

  // Durable and visible to search when it returns. A document whose bytes, title, source and
  // settings are those of the last time is left as it is, but for its attributes. Of one that
  // changed, passages that look the same to the encoder keep their vectors, wherever they stand
  // now. Throws what read_source and the store throw, and kInvalidArgument if the store's vectors
  // are of another encoder.
  IngestResult ingest(const IngestRequest& request);

  // Takes up every file of a known extension below `folder` (or the one file), in order of path;
  // hidden files and symbolic links to folders are left out. The source of a document is its path
  // relative to `folder`. One broken file never stops the others: it is reported. A pipeline reads
  // and chunks ahead while earlier passages are encoded in large batches. `progress` (may be empty)
  // is called from the calling thread, after each file and each batch; a file it counts as done is
  // durable and visible to search. It may throw to stop, and what was written until then stays. A
  // full disk stops the run with kResourceExhausted. `attributes` and `readers` are those of each
  // document, as in IngestRequest; attributes in a file beside it (indexer/sidecar.h) go before
  // them.
  FolderReport ingest_folder(const std::filesystem::path& folder, const std::string& collection,
                             const std::function<void(const FolderProgress&)>& progress,
                             const std::optional<Attributes>& attributes = std::nullopt,
                             const std::optional<Readers>& readers = std::nullopt);

  // The document as it is then, without its text; nothing if there is no such document.
  std::optional<Document> set_attributes(std::string_view collection, std::string_view id,
                                         const Attributes& attributes);
  std::optional<Document> set_readers(std::string_view collection, std::string_view id,
                                      const Readers& readers);
  // False if there is no such document.
  bool remove(std::string_view collection, std::string_view id);

 private:
  struct Prepared;
  class FolderRun;

  // The target as it is now, whose encoder is made the store's if that has none yet.
  IngestTarget adopt_target();
  Prepared prepare(const IngestRequest& request, std::string_view id, const Encoder& encoder) const;
  void reuse_vectors(Prepared& prepared) const;
  // Also where only attributes changed, or nothing did. Nothing where the target is another one by
  // now, whose vectors these are not.
  std::optional<IngestStatus> write(Prepared& prepared, const IngestTarget& target,
                                    const std::function<void()>& check_wanted = {});
  // Of a document whose text has not changed. Expects write_mutex_ to be held.
  IngestStatus update(const Document& old, const Document& wanted);

  Store& store_;
  AttributeIndex& attributes_;
  const TextAnalysis& analysis_;
  ReadLimits limits_;
  std::mutex write_mutex_;  // held from a write to the store until the index knows of it
  IngestTarget target_;     // guarded by it
};

}  // namespace tandem

#endif  // TANDEM_INDEXER_INGESTOR_H_
