#include "store/format.h"

#include <bit>
#include <concepts>
#include <cstring>

#include "base/error.h"

namespace tandem::format {
namespace {

static_assert(std::endian::native == std::endian::little, "vectors are copied as they are");

template <std::unsigned_integral T>
void append_big_endian(T value, std::string& out) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xFF));
  }
}

// Of sizeof(T) bytes.
template <std::unsigned_integral T>
T read_big_endian(std::string_view bytes) {
  T value = 0;
  for (const char byte : bytes)
    value = static_cast<T>(value << 8 | static_cast<unsigned char>(byte));
  return value;
}

class RecordWriter {
 public:
  RecordWriter() { integer(kRecordVersion); }

  template <std::unsigned_integral T>
  RecordWriter& integer(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes_.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
    }
    return *this;
  }
  RecordWriter& text(std::string_view value) {
    if (value.size() > UINT32_MAX) {
      throw Error(ErrorCode::kTooLarge, "a text of more than 4 GiB cannot be stored",
                  "split the document");
    }
    integer(static_cast<std::uint32_t>(value.size()));
    return raw(value);
  }
  RecordWriter& raw(std::string_view value) {
    bytes_.append(value);
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class RecordReader {
 public:
  // `name` says in messages which record is at fault.
  RecordReader(std::string_view bytes, const char* name) : rest_(bytes), name_(name) {
    version_ = integer<std::uint8_t>();
    if (version_ == 0) fail("has version 0");
    if (version_ > kRecordVersion) {
      throw Error(ErrorCode::kUnsupported,
                  std::string("a ") + name_ + " record of the store has version " +
                      std::to_string(version_) + ", this program knows " +
                      std::to_string(kRecordVersion),
                  "use the newer version of Tandem that wrote this store");
    }
  }

  template <std::unsigned_integral T>
  T integer() {
    const std::string_view bytes = raw(sizeof(T));
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(
          value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i)));
    }
    return value;
  }
  std::string text() { return std::string(raw(integer<std::uint32_t>())); }
  std::string_view raw(std::size_t size) {
    if (size > rest_.size()) fail("is too short");
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view take_rest() { return raw(rest_.size()); }
  std::uint8_t version() const { return version_; }
  void finish() const {
    if (!rest_.empty()) fail("has bytes after its end");
  }
  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorCode::kCorrupt, std::string("a ") + name_ + " record of the store " + what,
                "restore the store from a backup, or index the documents into a new one");
  }

 private:
  std::string_view rest_;
  const char* name_;
  std::uint8_t version_ = 0;
};

enum AttributeTag : std::uint8_t { kFalse = 0, kTrue = 1, kNumber = 2, kString = 3 };

void write_attribute(RecordWriter& writer, const AttributeValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    writer.integer<std::uint8_t>(*flag ? kTrue : kFalse);
  } else if (const auto* number = std::get_if<double>(&value)) {
    writer.integer<std::uint8_t>(kNumber).integer(std::bit_cast<std::uint64_t>(*number));
  } else {
    writer.integer<std::uint8_t>(kString).text(std::get<std::string>(value));
  }
}

AttributeValue read_attribute(RecordReader& reader) {
  switch (reader.integer<std::uint8_t>()) {
    case kFalse:
      return false;
    case kTrue:
      return true;
    case kNumber:
      return std::bit_cast<double>(reader.integer<std::uint64_t>());
    case kString:
      return reader.text();
    default:
      reader.fail("has an attribute of no known type");
  }
}

[[noreturn]] void bad_key(const char* family) {
  throw Error(ErrorCode::kCorrupt, std::string("a key among the ") + family + " is misshapen",
              "restore the store from a backup, or index the documents into a new one");
}

}  // namespace

std::string collection_prefix(std::uint32_t collection) {
  std::string key;
  append_big_endian(collection, key);
  return key;
}

std::string document_key(std::uint32_t collection, std::string_view id) {
  return collection_prefix(collection).append(id);
}

std::string passage_key(PassageId id) {
  std::string key;
  append_big_endian(id, key);
  return key;
}

std::string collection_passage_key(std::uint32_t collection, PassageId id) {
  std::string key = collection_prefix(collection);
  append_big_endian(id, key);
  return key;
}

std::string number_key(std::uint32_t number) {
  return collection_prefix(number);
}

std::uint32_t number_of_key(std::string_view key) {
  if (key.size() != sizeof(std::uint32_t)) bad_key("releases or sets of vectors");
  return read_big_endian<std::uint32_t>(key);
}

std::string_view key_within_set(std::string_view key) {
  if (key.size() < sizeof(std::uint32_t)) bad_key("vectors of releases");
  return key.substr(sizeof(std::uint32_t));
}

std::string document_id_of_key(std::string_view key) {
  if (key.size() <= sizeof(std::uint32_t)) bad_key("documents");
  return std::string(key.substr(sizeof(std::uint32_t)));
}

std::uint32_t collection_of_key(std::string_view key) {
  if (key.size() < sizeof(std::uint32_t)) bad_key("a collection's records");
  return read_big_endian<std::uint32_t>(key.substr(0, sizeof(std::uint32_t)));
}

PassageId passage_of_passage_key(std::string_view key) {
  if (key.size() != sizeof(PassageId)) bad_key("passages");
  return read_big_endian<PassageId>(key);
}

PassageId passage_of_key(std::string_view key) {
  if (key.size() != sizeof(std::uint32_t) + sizeof(PassageId)) bad_key("vectors or tombstones");
  return read_big_endian<PassageId>(key.substr(sizeof(std::uint32_t)));
}

std::string postings_prefix(std::uint32_t collection, std::string_view term) {
  return collection_prefix(collection).append(term).append(1, '\0');
}

std::string postings_key(std::uint32_t collection, std::string_view term, std::uint32_t bucket) {
  std::string key = postings_prefix(collection, term);
  append_big_endian(bucket, key);
  return key;
}

std::uint32_t bucket_of_key(std::string_view key, std::string_view prefix) {
  key.remove_prefix(prefix.size());
  if (key.size() != sizeof(std::uint32_t)) bad_key("postings");
  return read_big_endian<std::uint32_t>(key);
}

std::string encode_counter(std::uint64_t value) {
  return RecordWriter().integer(value).take();
}

std::uint64_t decode_counter(std::string_view bytes) {
  RecordReader reader(bytes, "counter");
  const auto value = reader.integer<std::uint64_t>();
  reader.finish();
  return value;
}

std::string encode_identity(std::string_view identity) {
  return RecordWriter().text(identity).take();
}

std::string decode_identity(std::string_view bytes) {
  RecordReader reader(bytes, "identity");
  std::string identity = reader.text();
  reader.finish();
  return identity;
}

std::string encode_settings(const StoreSettings& settings) {
  return RecordWriter()
      .text(settings.encoder_path)
      .text(settings.encoder_id)
      .integer(settings.dimension)
      .text(settings.generator_path)
      .text(settings.analysis)
      .take();
}

StoreSettings decode_settings(std::string_view bytes) {
  RecordReader reader(bytes, "settings");
  StoreSettings settings;
  settings.encoder_path = reader.text();
  settings.encoder_id = reader.text();
  settings.dimension = reader.integer<std::uint32_t>();
  settings.generator_path = reader.text();
  if (reader.version() >= 3) settings.analysis = reader.text();
  reader.finish();
  return settings;
}

std::string encode_collection(const CollectionRecord& record) {
  return RecordWriter()
      .integer(record.number)
      .integer(record.document_count)
      .integer(record.passage_count)
      .integer(record.passages_with_terms)
      .integer(record.total_length)
      .integer(record.changes)
      .take();
}

CollectionRecord decode_collection(std::string_view bytes) {
  RecordReader reader(bytes, "collection");
  CollectionRecord record;
  record.number = reader.integer<std::uint32_t>();
  record.document_count = reader.integer<std::uint64_t>();
  record.passage_count = reader.integer<std::uint64_t>();
  if (reader.version() >= 3) {
    record.passages_with_terms = reader.integer<std::uint64_t>();
    record.total_length = reader.integer<std::uint64_t>();
    record.changes = reader.integer<std::uint64_t>();
  }
  reader.finish();
  return record;
}

std::string encode_document(const Document& document) {
  RecordWriter writer;
  writer.text(document.title)
      .text(document.source)
      .text(document.media_type)
      .text(document.digest)
      .integer(static_cast<std::uint64_t>(document.created_at_unix_s))
      .integer(document.first_passage)
      .integer(document.passage_count)
      .integer(static_cast<std::uint32_t>(document.attributes.size()));
  for (const auto& [name, value] : document.attributes) {
    writer.text(name);
    write_attribute(writer, value);
  }
  writer.integer(static_cast<std::uint32_t>(document.readers.size()));
  for (const std::string& name : document.readers) writer.text(name);
  return writer.take();
}

Document decode_document(std::string_view bytes) {
  RecordReader reader(bytes, "document");
  Document document;
  document.title = reader.text();
  document.source = reader.text();
  document.media_type = reader.text();
  document.digest = reader.text();
  document.created_at_unix_s = static_cast<std::int64_t>(reader.integer<std::uint64_t>());
  document.first_passage = reader.integer<std::uint64_t>();
  document.passage_count = reader.integer<std::uint32_t>();
  const auto count = reader.version() >= 2 ? reader.integer<std::uint32_t>() : 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string name = reader.text();
    document.attributes.insert_or_assign(std::move(name), read_attribute(reader));
  }
  const auto reader_count = reader.version() >= 4 ? reader.integer<std::uint32_t>() : 0;
  for (std::uint32_t i = 0; i < reader_count; ++i) document.readers.push_back(reader.text());
  reader.finish();
  return document;
}

std::string encode_text(std::string_view text) {
  return RecordWriter().raw(text).take();
}

std::string decode_text(std::string_view bytes) {
  return std::string(RecordReader(bytes, "text").take_rest());
}

std::string encode_passage(const PassageRecord& record) {
  const Passage& passage = record.passage;
  return RecordWriter()
      .integer(record.collection)
      .text(passage.document_id)
      .text(passage.title)
      .text(passage.heading_path)
      .integer(passage.ordinal)
      .integer(passage.page)
      .integer(passage.begin)
      .integer(passage.end)
      .text(passage.text)
      .take();
}

PassageRecord decode_passage(std::string_view bytes) {
  RecordReader reader(bytes, "passage");
  PassageRecord record;
  record.collection = reader.integer<std::uint32_t>();
  Passage& passage = record.passage;
  passage.document_id = reader.text();
  passage.title = reader.text();
  passage.heading_path = reader.text();
  passage.ordinal = reader.integer<std::uint32_t>();
  passage.page = reader.integer<std::uint32_t>();
  passage.begin = reader.integer<std::uint64_t>();
  passage.end = reader.integer<std::uint64_t>();
  passage.text = reader.text();
  reader.finish();
  return record;
}

std::string encode_vector(std::span<const float> vector) {
  return RecordWriter()
      .raw({reinterpret_cast<const char*>(vector.data()), vector.size_bytes()})
      .take();
}

void decode_vector(std::string_view bytes, std::span<float> vector) {
  RecordReader reader(bytes, "vector");
  // Copied rather than pointed at: after the version byte nothing is aligned.
  std::memcpy(vector.data(), reader.raw(vector.size_bytes()).data(), vector.size_bytes());
  reader.finish();
}

std::string encode_tombstone(std::uint32_t count) {
  return RecordWriter().integer(count).take();
}

std::uint32_t decode_tombstone(std::string_view bytes) {
  RecordReader reader(bytes, "tombstone");
  const auto count = reader.integer<std::uint32_t>();
  reader.finish();
  return count;
}

std::string encode_releases(const ReleasesRecord& record) {
  return RecordWriter()
      .integer(record.live)
      .integer(record.previous)
      .integer(record.next)
      .integer(record.next_set)
      .take();
}

ReleasesRecord decode_releases(std::string_view bytes) {
  RecordReader reader(bytes, "releases");
  ReleasesRecord record;
  record.live = reader.integer<std::uint32_t>();
  record.previous = reader.integer<std::uint32_t>();
  record.next = reader.integer<std::uint32_t>();
  record.next_set = reader.integer<std::uint32_t>();
  reader.finish();
  return record;
}

std::string encode_release(const Release& release) {
  RecordWriter writer;
  writer.text(release.encoder_path)
      .text(release.encoder_id)
      .integer(release.dimension)
      .text(release.generator_path)
      .integer(release.vectors)
      .integer(static_cast<std::uint64_t>(release.created_at_unix_s))
      .integer(static_cast<std::uint32_t>(release.files.size()));
  for (const ReleaseFile& file : release.files) {
    writer.text(file.path).integer(file.size_bytes).text(file.sha256);
  }
  return writer.take();
}

Release decode_release(std::string_view bytes) {
  RecordReader reader(bytes, "release");
  Release release;
  release.encoder_path = reader.text();
  release.encoder_id = reader.text();
  release.dimension = reader.integer<std::uint32_t>();
  release.generator_path = reader.text();
  release.vectors = reader.integer<std::uint32_t>();
  release.created_at_unix_s = static_cast<std::int64_t>(reader.integer<std::uint64_t>());
  const auto count = reader.integer<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    ReleaseFile& file = release.files.emplace_back();
    file.path = reader.text();
    file.size_bytes = reader.integer<std::uint64_t>();
    file.sha256 = reader.text();
  }
  reader.finish();
  return release;
}

std::string encode_vector_set(const VectorSet& set) {
  return RecordWriter().text(set.encoder_id).integer(set.dimension).integer(set.known_up_to).take();
}

VectorSet decode_vector_set(std::string_view bytes) {
  RecordReader reader(bytes, "set of vectors");
  VectorSet set;
  set.encoder_id = reader.text();
  set.dimension = reader.integer<std::uint32_t>();
  set.known_up_to = reader.integer<std::uint64_t>();
  reader.finish();
  return set;
}

std::string encode_terms(const PassageTerms& terms) {
  RecordWriter writer;
  writer.integer(terms.length).integer(static_cast<std::uint32_t>(terms.counts.size()));
  for (const auto& [term, count] : terms.counts) {
    if (term.empty() || term.size() > UINT8_MAX || term.find('\0') != std::string::npos ||
        count == 0) {
      throw Error(ErrorCode::kInvalidArgument, "this cannot be a term of a passage",
                  "use 1 to 255 bytes without NUL, and count each at least once");
    }
    writer.integer(static_cast<std::uint8_t>(term.size())).raw(term).integer(count);
  }
  return writer.take();
}

PassageTerms decode_terms(std::string_view bytes) {
  RecordReader reader(bytes, "terms");
  PassageTerms terms;
  terms.length = reader.integer<std::uint32_t>();
  const auto count = reader.integer<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    TermCount& term = terms.counts.emplace_back();
    term.term = reader.raw(reader.integer<std::uint8_t>());
    term.count = reader.integer<std::uint32_t>();
  }
  reader.finish();
  return terms;
}

}  // namespace tandem::format
