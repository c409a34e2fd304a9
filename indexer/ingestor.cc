#include "indexer/ingestor.h"

#include <algorithm>
#include <ctime>
#include <deque>
#include <future>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/bounded_queue.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "indexer/folder_listing.h"
#include "indexer/sidecar.h"
#include "retriever/lexical_index.h"
#include "retriever/passage_text.h"

namespace tandem {

// A document that was read and chunked and waits to be encoded; without passages if all but its
// attributes is unchanged.
struct Ingestor::Prepared {
  Document document;
  std::vector<Passage> passages;
  std::vector<float> vectors;        // [passages, dimension]; empty before the first is known
  std::vector<std::size_t> missing;  // passages without a vector yet, in order
  // Those of the version before.
  bool keeps_attributes = false;
  bool keeps_readers = false;
  std::vector<PassageTerms> terms;  // of each passage
  bool unchanged = false;

  void set_vector(std::size_t passage, std::span<const float> vector) {
    vectors.resize(passages.size() * vector.size());
    std::copy(vector.begin(), vector.end(),
              vectors.begin() + static_cast<std::ptrdiff_t>(passage * vector.size()));
  }
};

namespace {

// Part of every digest: raised when the chunker comes to give other passages, so that indexing
// again takes up what has not changed itself; readers have versions of their own.
constexpr int kPipelineVersion = 1;

// Stands at the beginning of a digest: raised when chunker or embedding_text come to give encoders
// something else for an equal passage, so that no vector is kept that was made of the old text.
constexpr int kEmbeddingVersion = 1;

// Passages in one call of the encoder: enough to sort by length, few enough to show progress.
constexpr std::size_t kEncodeBatch = 128;
constexpr std::size_t kQueueBytes = 32u << 20;
// Titles are repeated with each passage.
constexpr std::size_t kMaxTitleBytes = 512;

// The bound of passages also bounds the part of the title that encoders see.
std::string digest_prefix(const IngestRequest& request) {
  std::string prefix = std::to_string(kEmbeddingVersion);
  if (request.max_passage_tokens > 0) prefix += '/' + std::to_string(request.max_passage_tokens);
  return prefix + ':';
}

ChunkOptions chunk_options_of(const IngestRequest& request, const Encoder& encoder) {
  return chunk_options(encoder, request.max_passage_tokens);
}

std::string digest_of(const IngestRequest& request, const Encoder& encoder) {
  // Both versions only grow, so their sum changes with either.
  const int version = kPipelineVersion + reader_version(request.bytes, request.source);
  std::string parts = std::to_string(version) + ' ' + sha256_hex(request.bytes) + ' ' +
                      encoder.id() + ' ' +
                      std::to_string(chunk_options_of(request, encoder).max_tokens) + ' ' +
                      std::to_string(request.title.size()) + ' ' + request.title + request.source;
  return digest_prefix(request) + sha256_hex(parts);
}

std::string title_of(const IngestRequest& request, const SourceText& text) {
  std::string title = repair_utf8(request.title);
  if (title.empty()) title = text.title;
  if (title.empty()) {
    title = repair_utf8(std::filesystem::path(request.source).filename().string());
  }
  if (title.size() > kMaxTitleBytes) {
    title.resize(complete_utf8_prefix(std::string_view(title).substr(0, kMaxTitleBytes)));
  }
  return title;
}

std::span<const float> row_of(const std::vector<float>& vectors, std::size_t rows,
                              std::size_t row) {
  const std::size_t dimension = vectors.size() / rows;
  return std::span(vectors).subspan(row * dimension, dimension);
}

IngestTarget borrowed(DenseIndex& index, const Encoder& encoder) {
  return {std::shared_ptr<const Encoder>(std::shared_ptr<void>(), &encoder),
          std::shared_ptr<DenseIndex>(std::shared_ptr<void>(), &index)};
}

}  // namespace

Ingestor::Ingestor(Store& store, DenseIndex& index, AttributeIndex& attributes,
                   const Encoder& encoder, const TextAnalysis& analysis, ReadLimits limits)
    : Ingestor(store, borrowed(index, encoder), attributes, analysis, limits) {}

Ingestor::Ingestor(Store& store, IngestTarget target, AttributeIndex& attributes,
                   const TextAnalysis& analysis, ReadLimits limits)
    : store_(store),
      attributes_(attributes),
      analysis_(analysis),
      limits_(limits),
      target_(std::move(target)) {}

void Ingestor::switch_target(const std::function<IngestTarget()>& change) {
  const std::lock_guard lock(write_mutex_);
  target_ = change();
}

IngestTarget Ingestor::adopt_target() {
  const std::lock_guard lock(write_mutex_);
  const Encoder& encoder = *target_.encoder;
  StoreSettings settings = store_.settings();
  if (settings.encoder_id == encoder.id()) return target_;
  if (!settings.encoder_id.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "the vectors in the store are of another encoder than " + encoder.name(),
                "use the encoder that the store was made with, or index into a new store");
  }
  settings.encoder_id = encoder.id();
  settings.dimension = static_cast<std::uint32_t>(encoder.dimension());
  store_.set_settings(settings);
  return target_;
}

Ingestor::Prepared Ingestor::prepare(const IngestRequest& request, std::string_view id,
                                     const Encoder& encoder) const {
  Prepared prepared;
  Document& document = prepared.document;
  document.id = id;
  document.collection = request.collection;
  document.source = repair_utf8(request.source);
  document.digest = digest_of(request, encoder);
  document.created_at_unix_s = std::time(nullptr);
  prepared.keeps_attributes = !request.attributes;
  if (request.attributes) {
    check_attributes(*request.attributes);
    document.attributes = *request.attributes;
  }
  prepared.keeps_readers = !request.readers;
  if (request.readers) document.readers = checked_readers(*request.readers);
  const auto old = store_.get_header(request.collection, id);
  if (old && old->digest == document.digest) {
    prepared.unchanged = true;
    return prepared;
  }
  SourceText text = read_source(request.bytes, document.source, limits_);
  text.title = title_of(request, text);
  prepared.passages = chunk(text, encoder.tokenizer(), chunk_options_of(request, encoder));
  if (prepared.passages.empty()) {
    throw Error(ErrorCode::kInvalidArgument, document.source + " has no text in it",
                "leave it out, or check that it was written whole");
  }
  document.passage_count = static_cast<std::uint32_t>(prepared.passages.size());
  document.title = std::move(text.title);
  for (Passage passage : prepared.passages) {
    passage.title = document.title;  // as it will be stored, not as it was cut for the encoder
    prepared.terms.push_back(terms_of(analysis_, passage));
  }
  document.media_type = std::move(text.media_type);
  document.text = std::move(text.text);
  prepared.missing.resize(prepared.passages.size());
  std::iota(prepared.missing.begin(), prepared.missing.end(), std::size_t{0});
  // The title is part of nearly everything that the encoder sees.
  if (old && old->title == document.title && old->digest.starts_with(digest_prefix(request))) {
    reuse_vectors(prepared);
  }
  return prepared;
}

// Compared is what the encoder would see, not where a passage stands: text that was put in at the
// beginning of a document moves all others.
void Ingestor::reuse_vectors(Prepared& prepared) const {
  std::unordered_map<std::string, std::vector<float>> known;
  store_.for_each_passage(prepared.document.collection, prepared.document.id,
                          [&](const Passage& stored, std::span<const float> vector) {
                            Passage passage = stored;
                            // The chunker may have shortened the title; the store keeps the
                            // document's.
                            passage.title = prepared.passages.front().title;
                            known.try_emplace(embedding_text(passage), vector.begin(),
                                              vector.end());
                          });
  std::erase_if(prepared.missing, [&](std::size_t passage) {
    const auto found = known.find(embedding_text(prepared.passages[passage]));
    if (found == known.end()) return false;
    prepared.set_vector(passage, found->second);
    return true;
  });
}

std::optional<IngestStatus> Ingestor::write(Prepared& prepared, const IngestTarget& target,
                                            const std::function<void()>& check_wanted) {
  Document& document = prepared.document;
  const std::lock_guard lock(write_mutex_);
  if (target.index != target_.index) return std::nullopt;
  if (check_wanted) check_wanted();
  const auto old = store_.get_header(document.collection, document.id);
  if (prepared.keeps_attributes && old) document.attributes = old->attributes;
  if (prepared.keeps_readers && old) document.readers = old->readers;
  if (prepared.unchanged) return old ? update(*old, document) : IngestStatus::kUnchanged;
  const StoreChange change =
      store_.put_document(document, prepared.passages, prepared.vectors, prepared.terms);
  attributes_.put(document, change);
  // New before old, so that no search finds the document gone; the retriever drops old passages.
  target_.index->add(document.collection, change.added, prepared.vectors);
  target_.index->remove(document.collection, change.removed);
  return old ? IngestStatus::kReplaced : IngestStatus::kAdded;
}

IngestStatus Ingestor::update(const Document& old, const Document& wanted) {
  IngestStatus status = IngestStatus::kUnchanged;
  const auto apply = [&](const std::optional<Document>& changed) {
    if (changed) attributes_.change(*changed);
    status = IngestStatus::kUpdated;
  };
  // Readers first: attributes say more to those who may see the document.
  if (old.readers != wanted.readers) {
    apply(store_.set_readers(wanted.collection, wanted.id, wanted.readers));
  }
  if (old.attributes != wanted.attributes) {
    apply(store_.set_attributes(wanted.collection, wanted.id, wanted.attributes));
  }
  return status;
}

IngestResult Ingestor::ingest(const IngestRequest& request) {
  check_collection_name(request.collection);
  const IngestTarget target = adopt_target();
  const std::string id = request.id.empty() ? make_document_id(request.source) : request.id;
  Prepared prepared = prepare(request, id, *target.encoder);
  std::span<const std::size_t> missing = prepared.missing;
  while (!missing.empty()) {
    const auto batch = missing.first(std::min(kEncodeBatch, missing.size()));
    std::vector<std::string> texts;
    for (const std::size_t i : batch) texts.push_back(embedding_text(prepared.passages[i]));
    const std::vector<float> encoded =
        target.encoder->encode(texts, TextKind::kPassage, Urgency::kBackground);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      prepared.set_vector(batch[i], row_of(encoded, batch.size(), i));
    }
    missing = missing.subspan(batch.size());
    if (request.check_wanted) request.check_wanted();
  }
  const auto status = write(prepared, target, request.check_wanted);
  if (!status) return ingest(request);
  if (prepared.unchanged) {
    auto document = store_.get_header(request.collection, id);
    // Deleted since it was compared: there is no copy to speak of, so it is a new one after all.
    if (!document) return ingest(request);
    prepared.document = std::move(*document);
  }
  return {.status = *status,
          .document_id = id,
          .title = prepared.document.title,
          .passage_count = prepared.document.passage_count,
          .encoded_count = static_cast<std::uint32_t>(prepared.missing.size()),
          .max_passage_tokens = chunk_options_of(request, *target.encoder).max_tokens};
}

std::optional<Document> Ingestor::set_attributes(std::string_view collection, std::string_view id,
                                                 const Attributes& attributes) {
  const std::lock_guard lock(write_mutex_);
  auto document = store_.set_attributes(collection, id, attributes);
  if (document) attributes_.change(*document);
  return document;
}

std::optional<Document> Ingestor::set_readers(std::string_view collection, std::string_view id,
                                              const Readers& readers) {
  const std::lock_guard lock(write_mutex_);
  auto document = store_.set_readers(collection, id, readers);
  if (document) attributes_.change(*document);
  return document;
}

bool Ingestor::remove(std::string_view collection, std::string_view id) {
  const std::lock_guard lock(write_mutex_);
  if (!store_.get_header(collection, id)) return false;
  const StoreChange change = store_.delete_document(collection, id);
  target_.index->remove(collection, change.removed);
  attributes_.remove(collection, change);
  return true;
}

// One call of ingest_folder. A thread reads and chunks; the calling thread gathers the passages of
// several files, encodes them together and writes each document when all its passages are encoded.
class Ingestor::FolderRun {
 public:
  FolderRun(Ingestor& ingestor, const std::filesystem::path& folder, const std::string& collection,
            const std::optional<Attributes>& attributes, const std::optional<Readers>& readers,
            const std::function<void(const FolderProgress&)>& progress)
      : ingestor_(ingestor),
        collection_(collection),
        attributes_(attributes),
        readers_(readers),
        progress_(progress),
        target_(ingestor.adopt_target()),
        listing_(list_documents_below(folder)) {
    report_.skipped = listing_.skipped;
    report_.failures = listing_.failures;
    done_.files_total = listing_.files.size();
    for (const ListedFile& file : listing_.files) done_.bytes_total += file.size_bytes;
  }

  FolderReport run() {
    std::future<void> reading = std::async(std::launch::async, [this] { read_all(); });
    // Whichever way this function is left, the reading thread must not wait for room any more; the
    // future then waits for it.
    const QueueCloser closer{queue_};
    while (auto file = queue_.pop()) {
      waiting_.push_back(std::move(*file));
      unencoded_ += waiting_.back().prepared.missing.size();
      while (unencoded_ >= kEncodeBatch) encode_batch();
      finish_files();
    }
    while (unencoded_ > 0) encode_batch();
    finish_files();
    reading.get();
    return std::move(report_);
  }

 private:
  struct File {
    const ListedFile* listed = nullptr;
    Prepared prepared;
    std::string failure;      // why it is not `prepared`; empty otherwise
    std::size_t encoded = 0;  // of prepared.missing

    std::span<const std::size_t> unencoded() const {
      return std::span(prepared.missing).subspan(encoded);
    }
  };
  struct QueueCloser {
    BoundedQueue<File>& queue;
    ~QueueCloser() { queue.close(); }
  };

  void read_all() {
    const QueueCloser closer{queue_};
    for (const ListedFile& listed : listing_.files) {
      File file = read(listed);
      // The text is held twice, in the document and in its passages.
      const std::size_t weight = 2 * file.prepared.document.text.size() +
                                 file.prepared.vectors.size() * sizeof(float) + 4096;
      if (!queue_.push(std::move(file), weight)) return;
    }
  }

  File read(const ListedFile& listed) const {
    File file;
    file.listed = &listed;
    try {
      IngestRequest request;
      request.bytes = read_file(listed.path, ingestor_.limits_.max_bytes);
      request.source = listed.source;
      request.collection = collection_;
      request.attributes = attributes_;
      request.readers = readers_;
      if (auto own = read_sidecar(listed.path)) {
        if (attributes_) own->insert(attributes_->begin(), attributes_->end());
        request.attributes = std::move(own);
      }
      file.prepared = ingestor_.prepare(request, make_document_id(listed.source), *target_.encoder);
    } catch (const std::exception& error) {
      file.failure = error.what();
    }
    return file;
  }

  // Encodes the next passages of the waiting files, whichever files they are of.
  void encode_batch() {
    std::vector<std::string> texts;
    for (const File& file : waiting_) {
      for (const std::size_t passage : file.unencoded()) {
        if (texts.size() == kEncodeBatch) break;
        texts.push_back(embedding_text(file.prepared.passages[passage]));
      }
    }
    const std::vector<float> vectors =
        target_.encoder->encode(texts, TextKind::kPassage, Urgency::kBackground);
    std::size_t next = 0;
    for (File& file : waiting_) {
      while (next < texts.size() && !file.unencoded().empty()) {
        file.prepared.set_vector(file.unencoded().front(), row_of(vectors, texts.size(), next++));
        ++file.encoded;
      }
    }
    unencoded_ -= texts.size();
    done_.passages_done += texts.size();
    show_progress();
    finish_files();
  }

  // Writes and reports the files at the front that are complete.
  void finish_files() {
    while (!waiting_.empty() && waiting_.front().unencoded().empty()) {
      File file = std::move(waiting_.front());
      waiting_.pop_front();
      finish(file);
      ++done_.files_done;
      done_.bytes_done += file.listed->size_bytes;
      show_progress();
    }
  }

  void finish(File& file) {
    if (file.failure.empty()) file.failure = write(file);
    if (!file.failure.empty()) {
      report_.failures.push_back({repair_utf8(file.listed->source), file.failure});
    }
  }

  // Why the document cannot be stored, or nothing. What would stop every other document is thrown.
  std::string write(File& file) {
    try {
      const auto status = ingestor_.write(file.prepared, target_);
      if (!status) {
        throw Error(ErrorCode::kUnavailable, "another release went live meanwhile",
                    "run it again to go on");
      }
      switch (*status) {
        case IngestStatus::kAdded:
          ++report_.added;
          break;
        case IngestStatus::kReplaced:
          ++report_.replaced;
          break;
        case IngestStatus::kUpdated:
          ++report_.updated;
          break;
        case IngestStatus::kUnchanged:
          ++report_.unchanged;
          break;
      }
      report_.passages += file.prepared.passages.size();
      report_.encoded += file.encoded;
      return {};
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kTooLarge) {
        return error.what();
      }
      throw;
    }
  }

  void show_progress() const {
    if (progress_) progress_(done_);
  }

  Ingestor& ingestor_;
  const std::string& collection_;
  const std::optional<Attributes>& attributes_;
  const std::optional<Readers>& readers_;
  const std::function<void(const FolderProgress&)>& progress_;
  const IngestTarget target_;
  const FolderListing listing_;
  BoundedQueue<File> queue_{kQueueBytes};

  // Of the calling thread alone.
  std::deque<File> waiting_;
  std::size_t unencoded_ = 0;  // passages of `waiting_`
  FolderProgress done_;
  FolderReport report_;
};

FolderReport Ingestor::ingest_folder(const std::filesystem::path& folder,
                                     const std::string& collection,
                                     const std::function<void(const FolderProgress&)>& progress,
                                     const std::optional<Attributes>& attributes,
                                     const std::optional<Readers>& readers) {
  check_collection_name(collection);
  if (attributes) check_attributes(*attributes);
  if (readers) checked_readers(*readers);
  return FolderRun(*this, folder, collection, attributes, readers, progress).run();
}

}  // namespace tandem
