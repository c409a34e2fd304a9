// The store: documents, passages and vectors in RocksDB. It is the truth; every index beside it can
// be rebuilt from it.
//
// A document is written by one WriteBatch together with its passages and their vectors, synced to
// disk before put_document returns: after a crash at any instant it is there whole or not at all.
// Passage ids are sequence numbers: they only grow, over all collections, and are never given
// twice. store/format.h states every byte on disk.
//
// All methods of Store may be called from any thread. Writes are serialised inside. One process may
// hold a store for writing; any number may open it read-only beside it and see it as of that
// moment.
#ifndef TANDEM_STORE_STORE_H_
#define TANDEM_STORE_STORE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/attributes.h"
#include "store/readers.h"
#include "store/release.h"

namespace tandem {

inline constexpr char kDefaultCollection[] = "default";

struct Document {
  std::string id;          // unique in its collection; see make_document_id
  std::string collection;  // see check_collection_name
  std::string title;
  std::string source;      // where it came from: a path, a URL, a file name
  std::string media_type;  // of the original, such as "text/html"
  std::string text;        // what the reader made of the original; UTF-8; all offsets count in it
  std::string digest;      // SHA-256 of the original bytes and of what else decides the passages
  std::int64_t created_at_unix_s = 0;
  Attributes attributes;
  Readers readers;  // without any: everybody who may use the collection
  // Given by the store: its passages have consecutive ids, beginning here.
  PassageId first_passage = 0;
  std::uint32_t passage_count = 0;
};

// A contiguous span of a document's text, small enough to embed.
struct Passage {
  PassageId id = 0;
  std::string collection;
  std::string document_id;
  std::string title;          // of the document
  std::string heading_path;   // "Chapter > Section", may be empty
  std::uint32_t ordinal = 0;  // place among the passages of its document, from 0
  std::uint32_t page = 0;     // from 1; 0 where the format has no pages
  std::uint64_t begin = 0;    // code points into Document::text
  std::uint64_t end = 0;      // one past the last
  std::string text;           // Document::text[begin, end)
};

// What lexical search counts of a passage; retriever/text_analysis.h makes it of a text.
struct TermCount {
  std::string term;  // 1 to 255 bytes without NUL
  std::uint32_t count = 0;

  bool operator==(const TermCount&) const = default;
};
struct PassageTerms {
  std::uint32_t length = 0;       // terms in all, repeated ones as often as they are repeated
  std::vector<TermCount> counts;  // each term once
};

// What a store must remember between commands. Empty strings mean "not set yet". The models are
// those of the live release.
struct StoreSettings {
  std::string encoder_path;
  std::string encoder_id;  // Encoder::id() of the vectors in the live set
  std::uint32_t dimension = 0;
  std::string generator_path;
  std::string analysis;  // TextAnalysis::id() of the terms in this store; see restart_terms
};

struct CollectionInfo {
  std::string name;
  std::uint64_t document_count = 0;
  std::uint64_t passage_count = 0;
  // Passages whose terms are known: all of them, unless an older version of Tandem wrote some or
  // restart_terms was called.
  std::uint64_t passages_with_terms = 0;
};

// The postings of one term, as they are stored.
struct TermPostings {
  struct Bucket {
    std::uint32_t number = 0;  // its first passage is number << kBucketBits
    std::size_t begin = 0;     // in `bytes`
    std::size_t size = 0;
  };
  std::uint64_t passage_count = 0;  // that hold the term
  std::vector<Bucket> buckets;      // by growing number
  std::string bytes;

  // For PostingList (store/postings.h).
  std::string_view bytes_of(const Bucket& bucket) const {
    return std::string_view(bytes).substr(bucket.begin, bucket.size);
  }
};

// What lexical search reads of a collection, all of one moment.
struct PostingsSnapshot {
  std::uint64_t passage_count = 0;                         // those whose terms are known
  std::uint64_t total_length = 0;                          // the sum of their PassageTerms::length
  std::vector<std::shared_ptr<const TermPostings>> terms;  // one for each that was asked for
};

struct StoreOptions {
  bool read_only = false;
  bool create_if_missing = true;  // ignored when read_only
  // Writes are refused with kResourceExhausted while less than this is free on the disk.
  std::uint64_t reserve_bytes = 32u << 20;
  // Most memory for postings that searches have read.
  std::size_t postings_cache_bytes = 64u << 20;
};

// Passages that a write added and removed, for whoever keeps an index up to date.
struct StoreChange {
  std::vector<PassageId> added;  // in the order of the passages given
  std::vector<PassageId> removed;
};

class Store {
 public:
  // Throws Error: kNotFound (nothing there and not to be created), kUnavailable (another process
  // writes to it), kUnsupported (written by a newer version), kCorrupt.
  static std::unique_ptr<Store> open(const std::filesystem::path& folder,
                                     const StoreOptions& options = {});
  virtual ~Store() = default;

  virtual const std::filesystem::path& folder() const = 0;
  // Random, given to the store when it is made, so that a file can say which store it belongs to.
  virtual const std::string& identity() const = 0;

  virtual StoreSettings settings() const = 0;
  // Changes the live release with them. That must not be one whose models were copied into the
  // store, unless models and dimension stay what they are.
  virtual void set_settings(const StoreSettings& settings) = 0;

  // Adds the document, or replaces the one of the same collection and id. `passages` need no id,
  // collection, document_id, title or ordinal: the store fills them in. `vectors` is
  // [passages, dimension], row-major, for the live set; dimension must be the one in the settings.
  // Throws kInvalidArgument for a bad collection name, id or attribute, kResourceExhausted when the
  // disk is full (nothing is written then, and the store stays usable for reading). `terms` has an
  // entry for each passage, or none at all: then lexical search does not find them until add_terms.
  virtual StoreChange put_document(const Document& document, std::span<const Passage> passages,
                                   std::span<const float> vectors,
                                   std::span<const PassageTerms> terms) = 0;
  // Replaces the attributes alone and leaves text and passages as they are. Gives the document as
  // it is then, without its text; nothing if there is no such document. Throws as put_document.
  virtual std::optional<Document> set_attributes(std::string_view collection, std::string_view id,
                                                 const Attributes& attributes) = 0;
  // The same of its readers.
  virtual std::optional<Document> set_readers(std::string_view collection, std::string_view id,
                                              const Readers& readers) = 0;
  // An empty change if there is no such document.
  virtual StoreChange delete_document(std::string_view collection, std::string_view id) = 0;

  virtual std::optional<Document> get_document(std::string_view collection,
                                               std::string_view id) const = 0;
  // The document without its text, which is not read.
  virtual std::optional<Document> get_header(std::string_view collection,
                                             std::string_view id) const = 0;
  // Documents without their text, in order of id, at most `limit`, those after `after` (exclusive;
  // empty for the first page).
  virtual std::vector<Document> list_documents(std::string_view collection, std::string_view after,
                                               std::size_t limit) const = 0;
  // Calls `visit` for each document of the collection without its text, in order of id, from one
  // consistent snapshot.
  virtual void for_each_document(std::string_view collection,
                                 const std::function<void(const Document&)>& visit) const = 0;
  virtual std::vector<CollectionInfo> list_collections() const = 0;
  // Nothing if there is no such collection.
  virtual std::optional<CollectionInfo> get_collection(std::string_view name) const = 0;

  // One entry per id, in order; nullopt for an id that is not (or no longer) there.
  virtual std::vector<std::optional<Passage>> get_passages(
      std::span<const PassageId> ids) const = 0;
  virtual std::vector<Passage> document_passages(std::string_view collection,
                                                 std::string_view id) const = 0;

  // Calls `visit` for each passage of the document with its live vector [dimension], valid during
  // the call only, in order and from one consistent snapshot.
  virtual void for_each_passage(
      std::string_view collection, std::string_view id,
      const std::function<void(const Passage&, std::span<const float> vector)>& visit) const = 0;
  using VectorVisitor = std::function<void(PassageId, std::span<const float> vector)>;
  // Calls `visit` for each vector that a set has of the collection's passages with after < id <=
  // last, by growing id, from one consistent snapshot. `vector` [dimension] is valid during the
  // call only. An unknown set is empty.
  virtual void for_each_vector(std::uint32_t set, std::string_view collection, PassageId after,
                               PassageId last, const VectorVisitor& visit) const = 0;
  // The same of the live set.
  void for_each_vector(std::string_view collection, PassageId after, PassageId last,
                       const VectorVisitor& visit) const {
    for_each_vector(live_vectors().number, collection, after, last, visit);
  }
  // Terms that the collection does not know have no buckets. An unknown collection is empty.
  virtual PostingsSnapshot read_postings(std::string_view collection,
                                         std::span<const std::string> terms) const = 0;
  // Forgets all terms of all collections and remembers `analysis` as that of the terms to come.
  virtual void restart_terms(const std::string& analysis) = 0;
  // Passages above `after` without known terms, by growing id, at most `limit`.
  virtual std::vector<Passage> passages_without_terms(PassageId after, std::size_t limit) const = 0;
  // Adds the terms of such passages, `terms` having an entry for each. Passages that were deleted
  // meanwhile are left out.
  virtual void add_terms(std::span<const Passage> passages,
                         std::span<const PassageTerms> terms) = 0;

  // Ids up to and including `last` that were once given in the collection and are deleted now.
  virtual std::vector<PassageId> deleted_passages(std::string_view collection,
                                                  PassageId last) const = 0;

  // By number. One, that of the settings, where none was ever added; none before there is an
  // encoder.
  virtual std::vector<Release> releases() const = 0;
  virtual std::optional<Release> live_release() const = 0;
  // The one to go back to: that which was live before; nothing if none was, or if it was removed.
  virtual std::optional<Release> previous_release() const = 0;
  // A number that no release has had or will be given, for copying models to their place before the
  // release is added. Throws kInvalidArgument for a store without an encoder.
  virtual std::uint32_t reserve_release() = 0;
  // Adds a release of that number; its `vectors` are given here: those of its encoder, or a new
  // set, without any vectors yet. Gives the release as it is then.
  virtual Release add_release(const Release& release) = 0;
  // Makes it the live one. Throws kNotFound, and kUnavailable while a passage has no vector in its
  // set. The set that was live is complete up to here and keeps its vectors, but gets no new ones.
  virtual void promote_release(std::uint32_t number) = 0;
  // Removes it with its models and, unless another release has them too, its vectors and their
  // segments. Throws kNotFound, and kInvalidArgument for the live one.
  virtual void remove_release(std::uint32_t number) = 0;

  virtual VectorSet live_vectors() const = 0;
  virtual std::optional<VectorSet> vector_set(std::uint32_t number) const = 0;
  // The greatest id given so far; 0 if none.
  virtual PassageId last_passage() const = 0;
  // By growing id, at most `limit`, those after `after`; of all collections.
  virtual std::vector<Passage> passages_after(PassageId after, std::size_t limit) const = 0;
  // Gives a set that is not live the vectors [passages, dimension] of what passages_after said
  // comes next to its known_up_to. Passages that were deleted meanwhile are left out.
  virtual void add_vectors(std::uint32_t set, std::span<const Passage> passages,
                           std::span<const float> vectors) = 0;
};

// "doc-" and 24 hexadecimal digits, a function of `source` alone, so that indexing the same file
// again replaces its document.
std::string make_document_id(std::string_view source);

// Throws kInvalidArgument unless `name` fits [A-Za-z0-9_.-]{1,64}. "." and ".." are refused,
// because collections also name folders.
void check_collection_name(std::string_view name);

}  // namespace tandem

#endif  // TANDEM_STORE_STORE_H_
