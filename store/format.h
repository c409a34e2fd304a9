// Every byte that the store keeps.
//
// The folder of a store:
//   VERSION     "tandem-store " version:decimal "\n"; written before anything else
//   INDEX       the kind of dense index that was asked for (retriever/dense_index.h) "\n"
//   db/         a RocksDB of the column families below
//   segments/   caches of the dense index (retriever/dense_index.h); safe to delete
//   segments.N/ the same of the set N of vectors
//   releases/   rN/ holds the models of the release N: encoder/NAME/ and generator/NAME.gguf, and
//               passages/, as below; what belongs to no release is removed
//   passages/   what a generator made of passages that it read by themselves (byte_cache.h), in a
//               RocksDB of its own; safe to delete
//
// Keys use big-endian integers, so that RocksDB's order is numeric order; values use little-endian.
//   string    = length:u32 byte{length}
//   attribute = 0:u8 | 1:u8 (false, true) | 2:u8 f64 | 3:u8 string
//
//   family        key                          value
//   default       "next_passage"               version:u8 id:u64
//                 "settings"                   version:u8 encoder_path:string encoder_id:string
//                                              dimension:u32 generator_path:string
//                                              analysis:string
//                 "identity"                   version:u8 random:string
//                 "releases"                   version:u8 live:u32 previous:u32 next:u32
//                                              next_set:u32
//   collections   name:byte*                   version:u8 number:u32 documents:u64 passages:u64
//                                              passages_with_terms:u64 total_length:u64
//                                              changes:u64
//   documents     collection:u32 id:byte*      version:u8 title:string source:string
//                                              media_type:string digest:string
//                                              created_at_unix_s:u64 first_passage:u64
//                                              passage_count:u32 attributes:u32
//                                              (name:string value:attribute){attributes}
//                                              readers:u32 (name:string){readers}
//   texts         collection:u32 id:byte*      version:u8 text:byte*
//   passages      passage:u64                  version:u8 collection:u32 document_id:string
//                                              title:string heading_path:string ordinal:u32
//                                              page:u32 begin:u64 end:u64 text:string
//   vectors       collection:u32 passage:u64   version:u8 value:f32{dimension}
//   tombstones    collection:u32 passage:u64   version:u8 count:u32
//   terms         collection:u32 passage:u64   version:u8 length:u32 n:u32
//                                              (size:u8 term:byte{size} count:u32){n}
//   postings      collection:u32 term:byte* 0  what store/postings.h says
//                 bucket:u32
//   releases      release:u32                  version:u8 encoder_path:string encoder_id:string
//                                              dimension:u32 generator_path:string vectors:u32
//                                              created_at_unix_s:u64 files:u32
//                                              (path:string size:u64 sha256:string){files}
//   vector_sets   set:u32                      version:u8 encoder_id:string dimension:u32
//                                              known_up_to:u64
//   more_vectors  set:u32 collection:u32       version:u8 value:f32{dimension}
//                 passage:u64
//
// The passages of a document have consecutive ids from first_passage on; that is why one tombstone
// stands for all passages of one deleted document. Ids start at 1. Numbers of collections start at
// 1 and are never given twice. Terms hold no byte 0. What the terms of a passage are is kept with
// it so that its postings can be found again when it is deleted, whatever has changed by then.
//
// The vectors of set 0, that of the encoder that the store was made with, are in "vectors", those
// of all other sets in "more_vectors". A store without releases has the one that its settings
// describe, number 1 with the set 0; that gets its records when a second one is made. From then on
// the settings are those of the live release.
//
// Records of version 1 had no attributes: a document's ended before their number. Those of versions
// 1 and 2 knew neither terms nor postings; what a collection and the settings say of them is then 0
// and empty. Stores of version 2 knew no releases. Documents of versions before 4 had no readers.
// An older store becomes one of this version when it is first opened for writing.
//
// Readers trust no byte: a record that is too short, too long or of version 0 is kCorrupt, one of a
// version above kRecordVersion is kUnsupported.
#ifndef TANDEM_STORE_FORMAT_H_
#define TANDEM_STORE_FORMAT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace tandem::format {

inline constexpr std::uint32_t kStoreVersion = 4;
inline constexpr std::uint8_t kRecordVersion = 4;

inline constexpr char kNextPassageKey[] = "next_passage";
inline constexpr char kSettingsKey[] = "settings";
inline constexpr char kIdentityKey[] = "identity";
inline constexpr char kReleasesKey[] = "releases";

struct CollectionRecord {
  std::uint32_t number = 0;
  std::uint64_t document_count = 0;
  std::uint64_t passage_count = 0;
  std::uint64_t passages_with_terms = 0;
  std::uint64_t total_length = 0;
  std::uint64_t changes = 0;  // grows with each change of its postings
};

// Which releases there are, and the numbers to be given next.
struct ReleasesRecord {
  std::uint32_t live = 1;
  std::uint32_t previous = 0;  // that was live before; 0: none
  std::uint32_t next = 2;
  std::uint32_t next_set = 1;
};

// A passage with the number of its collection in place of the name.
struct PassageRecord {
  Passage passage;
  std::uint32_t collection = 0;
};

// Keys. A prefix is the key of everything in one collection.
std::string collection_prefix(std::uint32_t collection);
std::string document_key(std::uint32_t collection, std::string_view id);
std::string passage_key(PassageId id);
std::string collection_passage_key(std::uint32_t collection, PassageId id);
// Of releases and vector_sets, and of everything of one set in more_vectors.
std::string number_key(std::uint32_t number);
std::uint32_t number_of_key(std::string_view key);
// A key of more_vectors without the set that it begins with, as a key of vectors. Throws kCorrupt.
std::string_view key_within_set(std::string_view key);
// The collection in a key that begins with one; the id in a document key; the passage in a key of
// passages; the passage in a key of vectors, tombstones or terms. All throw kCorrupt.
std::uint32_t collection_of_key(std::string_view key);
std::string document_id_of_key(std::string_view key);
PassageId passage_of_passage_key(std::string_view key);
PassageId passage_of_key(std::string_view key);
// A prefix is the key of all buckets of a term.
std::string postings_prefix(std::uint32_t collection, std::string_view term);
std::string postings_key(std::uint32_t collection, std::string_view term, std::uint32_t bucket);
// Of a key that starts with `prefix`, a postings_prefix. Throws kCorrupt.
std::uint32_t bucket_of_key(std::string_view key, std::string_view prefix);

std::string encode_counter(std::uint64_t value);
std::uint64_t decode_counter(std::string_view bytes);

std::string encode_identity(std::string_view identity);
std::string decode_identity(std::string_view bytes);

std::string encode_settings(const StoreSettings& settings);
StoreSettings decode_settings(std::string_view bytes);

std::string encode_collection(const CollectionRecord& record);
CollectionRecord decode_collection(std::string_view bytes);

// All but the text, and but the id and the collection, which are in the key.
std::string encode_document(const Document& document);
Document decode_document(std::string_view bytes);

std::string encode_text(std::string_view text);
std::string decode_text(std::string_view bytes);

std::string encode_passage(const PassageRecord& record);
PassageRecord decode_passage(std::string_view bytes);

std::string encode_vector(std::span<const float> vector);
// Fills `vector`, whose size says the dimension expected.
void decode_vector(std::string_view bytes, std::span<float> vector);

std::string encode_tombstone(std::uint32_t count);
std::uint32_t decode_tombstone(std::string_view bytes);

std::string encode_releases(const ReleasesRecord& record);
ReleasesRecord decode_releases(std::string_view bytes);

// All but the number, which is the key.
std::string encode_release(const Release& release);
Release decode_release(std::string_view bytes);
std::string encode_vector_set(const VectorSet& set);
VectorSet decode_vector_set(std::string_view bytes);

// Throws kInvalidArgument for terms that cannot be stored.
std::string encode_terms(const PassageTerms& terms);
PassageTerms decode_terms(std::string_view bytes);

}  // namespace tandem::format

#endif  // TANDEM_STORE_FORMAT_H_
