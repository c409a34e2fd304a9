// The files of vector stores.
#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "server/http_error.h"
#include "server/vector_stores/vector_stores.h"

namespace tandem {
namespace {

using Status = VectorStoreFile::Status;

VectorStoreFile file_of(const Document& document) {
  VectorStoreFile file;
  file.id = document.id;
  file.created_at_unix_s = document.created_at_unix_s;
  file.status = Status::kCompleted;
  file.attributes = document.attributes;
  return file;
}

std::string key_of(std::string_view id, std::string_view file_id) {
  return fmt::format("{}/{}", id, file_id);
}

}  // namespace

void throw_file_not_found(std::string_view id, std::string_view file_id) {
  throw RequestError(404,
                     fmt::format("There is no file '{}' in the vector store '{}'.", file_id, id),
                     "file_id", "file_not_found");
}

void FileCounts::add(Status status) {
  switch (status) {
    case Status::kInProgress:
      ++in_progress;
      break;
    case Status::kCompleted:
      ++completed;
      break;
    case Status::kFailed:
      ++failed;
      break;
    case Status::kCancelled:
      ++cancelled;
      break;
  }
}

const VectorStoreFile* VectorStores::find_record(std::string_view id,
                                                 std::string_view file_id) const {
  const Kept* const kept = find_kept(id);
  if (kept == nullptr || has_expired(kept->store)) return nullptr;
  const auto found = kept->files.find(file_id);
  return found == kept->files.end() ? nullptr : &found->second;
}

std::optional<VectorStoreFile> VectorStores::record_of(std::string_view id,
                                                       std::string_view file_id) const {
  const std::lock_guard lock(mutex_);
  const VectorStoreFile* const record = find_record(id, file_id);
  return record == nullptr ? std::nullopt : std::optional(*record);
}

// Every document is a completed file, but for those that are being read anew.
FileCounts VectorStores::count_files(const Kept& kept) const {
  FileCounts counts;
  const auto collection = around_.store.get_collection(kept.store.id);
  std::uint64_t documents = collection ? collection->document_count : 0;
  for (const auto& [id, file] : kept.files) {
    if (file.status == Status::kCompleted) continue;
    counts.add(file.status);
    if (documents > 0 && around_.store.get_header(kept.store.id, id)) --documents;
  }
  counts.completed = documents;
  return counts;
}

void VectorStores::forget_record(Kept& kept, std::string_view file_id) {
  const auto found = kept.files.find(file_id);
  if (found == kept.files.end()) return;
  waiting_.erase(found->second.sequence);
  kept.files.erase(found);
  --file_count_;
}

void VectorStores::forget_files(Kept& kept) {
  while (!kept.files.empty()) forget_record(kept, std::string(kept.files.begin()->first));
  kept.batches.clear();
}

std::vector<ListPlace> VectorStores::file_places(std::string_view id, std::string_view batch,
                                                 std::optional<Status> status) const {
  const VectorStore store = require(id, Need::kAny);
  if (!batch.empty()) find_batch(id, batch);
  std::vector<VectorStoreFile> files;
  const auto take = [&](const VectorStoreFile& file) {
    if (!batch.empty() && file.batch != batch) return;
    if (!status || file.status == *status) files.push_back(file);
  };
  const bool with_documents = !status || *status == Status::kCompleted;
  std::vector<VectorStoreFile> documents;
  if (with_documents) {
    around_.store.for_each_document(
        id, [&](const Document& document) { documents.push_back(file_of(document)); });
  }
  const std::lock_guard lock(mutex_);
  const Kept* const kept = find_kept(id);
  if (kept != nullptr && has_expired(kept->store)) return {};
  for (const VectorStoreFile& document : documents) {
    const VectorStoreFile* const record = find_record(id, document.id);
    if (record == nullptr) take(document);
    if (record != nullptr && record->status == Status::kCompleted) take(*record);
  }
  if (kept != nullptr) {
    for (const auto& [file_id, file] : kept->files) {
      if (file.status != Status::kCompleted) take(file);
    }
  }
  std::vector<ListPlace> places;
  places.reserve(files.size());
  for (const VectorStoreFile& file : files) places.push_back(place_of(file));
  return places;
}

std::optional<ListPlace> VectorStores::file_place(std::string_view id,
                                                  std::string_view file_id) const {
  if (const auto record = record_of(id, file_id)) return place_of(*record);
  if (const auto document = around_.store.get_header(id, file_id)) {
    return place_of(file_of(*document));
  }
  const std::lock_guard lock(mutex_);
  const auto found = deleted_.find(key_of(id, file_id));
  return found == deleted_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<VectorStoreFileView> VectorStores::look_for_file(std::string_view id,
                                                               std::string_view file_id) const {
  VectorStoreFileView view;
  view.store_id = require(id, Need::kAny).id;
  if (!is_served(id)) return std::nullopt;
  const auto record = record_of(id, file_id);
  if (record && record->status != Status::kCompleted) {
    view.file = *record;
    view.file.passage_tokens = around_.passage_tokens(record->asked_passage_tokens);
    return view;
  }
  const auto document = around_.store.get_header(id, file_id);
  if (!document) return std::nullopt;
  view.file = record ? *record : file_of(*document);
  view.file.attributes = document->attributes;
  view.usage_bytes = usage_of(document->passage_count);
  return view;
}

VectorStoreFileView VectorStores::find_file(std::string_view id, std::string_view file_id) const {
  if (auto view = look_for_file(id, file_id)) return *std::move(view);
  throw_file_not_found(id, file_id);
}

std::vector<VectorStoreFile> VectorStores::new_files(std::span<const AddedFile> added,
                                                     const std::string& batch) {
  std::vector<VectorStoreFile> files;
  for (const AddedFile& one : added) {
    if (!around_.files.find(one.id)) {
      throw RequestError(404, fmt::format("There is no file '{}'.", one.id), "file_id",
                         "file_not_found");
    }
    VectorStoreFile file;
    file.id = one.id;
    file.sequence = next_sequence();
    file.batch = batch;
    file.created_at_unix_s = around_.now_unix_s();
    file.attributes = one.attributes;
    file.asked_passage_tokens = one.passage_tokens;
    files.push_back(std::move(file));
  }
  const std::lock_guard lock(mutex_);
  if (file_count_ + files.size() > kMaxVectorStoreFiles) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("the vector stores have {} files already", file_count_),
                "delete some that are no longer needed");
  }
  return files;
}

// All of them, or, if one cannot be written, none.
void VectorStores::write_files(const std::string& id, std::span<const VectorStoreFile> files) {
  std::size_t written = 0;
  try {
    for (; written < files.size(); ++written) records_.write(id, files[written]);
  } catch (...) {
    for (const VectorStoreFile& file : files.first(written)) {
      const auto former = record_of(id, file.id);
      if (former) records_.write(id, *former);
      if (!former) records_.remove_file(id, file.id);
    }
    throw;
  }
}

void VectorStores::keep_files(const std::string& id, std::span<const VectorStoreFile> files) {
  const std::lock_guard lock(mutex_);
  Kept& kept = stores_.at(id);
  for (const VectorStoreFile& file : files) {
    forget_record(kept, file.id);
    kept.files.emplace(file.id, file);
    ++file_count_;
    waiting_.emplace(file.sequence, std::pair(id, file.id));
  }
}

void VectorStores::put_file(const std::string& id, const VectorStoreFile& file) {
  records_.write(id, file);
  const std::lock_guard lock(mutex_);
  stores_.at(id).files.at(file.id) = file;
  if (file.status != Status::kInProgress) waiting_.erase(file.sequence);
}

VectorStoreFileView VectorStores::add_file(std::string_view id, const AddedFile& file) {
  {
    const std::lock_guard writing(writing_);
    require(id, Need::kLive);
    const std::vector<VectorStoreFile> files = new_files({&file, 1}, "");
    const std::string store_id = ensure_record(id);
    write_files(store_id, files);
    keep_files(store_id, files);
  }
  wake();
  return find_file(id, file.id);
}

VectorStoreFileView VectorStores::set_attributes(std::string_view id, std::string_view file_id,
                                                 const Attributes& attributes) {
  {
    const std::lock_guard writing(writing_);
    const VectorStore store = require(id, Need::kLive);
    const bool has_document = around_.ingestor->set_attributes(id, file_id, attributes).has_value();
    auto record = record_of(id, file_id);
    if (record && record->status != Status::kCompleted) {
      record->attributes = attributes;
      put_file(store.id, *record);
    } else if (!has_document) {
      throw_file_not_found(id, file_id);
    }
  }
  return find_file(id, file_id);
}

// Whether there was one. First the record, so that it is not read any more; then its document.
bool VectorStores::drop_file(const std::string& id, std::string_view file_id) {
  const auto place = file_place(id, file_id);
  const auto record = record_of(id, file_id);
  if (record) {
    const std::lock_guard lock(mutex_);
    forget_record(stores_.at(id), file_id);
  }
  if (record) records_.remove_file(id, file_id);
  const bool has_document = around_.ingestor->remove(id, file_id);
  if (!record && !has_document) return false;
  const std::lock_guard lock(mutex_);
  remember_deleted(key_of(id, file_id), *place);
  return true;
}

void VectorStores::remove_file(std::string_view id, std::string_view file_id) {
  const std::lock_guard writing(writing_);
  const VectorStore store = require(id, Need::kLive);
  if (!drop_file(store.id, file_id)) throw_file_not_found(id, file_id);
}

void VectorStores::drop_from_all(std::string_view file_id) {
  std::vector<std::string> holders;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, kept] : stores_) {
      if (kept.files.contains(file_id)) holders.push_back(id);
    }
  }
  for (const std::string& id : holders) drop_file(id, file_id);
}

void VectorStores::forget_file(std::string_view file_id) {
  const std::lock_guard writing(writing_);
  drop_from_all(file_id);
}

// Files whose uploaded file was deleted when a crash came.
void VectorStores::drop_orphans() {
  while (true) {
    std::string file_id;
    {
      const std::lock_guard lock(mutex_);
      if (orphans_.empty()) return;
      file_id = orphans_.back();
    }
    drop_from_all(file_id);
    const std::lock_guard lock(mutex_);
    orphans_.pop_back();
  }
}

std::optional<FileTask> VectorStores::next_file() const {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return std::nullopt;
  const auto& [id, file_id] = waiting_.begin()->second;
  return FileTask{id, stores_.at(id).files.at(file_id)};
}

bool VectorStores::is_still_wanted(const FileTask& task) const {
  const VectorStoreFile* const record = find_record(task.store_id, task.file.id);
  return record != nullptr && record->sequence == task.file.sequence &&
         record->status == Status::kInProgress;
}

bool VectorStores::is_wanted(const FileTask& task) const {
  const std::lock_guard lock(mutex_);
  return is_still_wanted(task);
}

void VectorStores::complete(const FileTask& task, const IngestResult& result) {
  const std::lock_guard writing(writing_);
  if (!is_wanted(task)) return;
  VectorStoreFile file = *record_of(task.store_id, task.file.id);
  // They were changed while it was read.
  if (file.attributes != task.file.attributes) {
    around_.ingestor->set_attributes(task.store_id, file.id, file.attributes);
  }
  file.status = Status::kCompleted;
  file.passage_tokens = result.max_passage_tokens;
  put_file(task.store_id, file);
}

void VectorStores::fail(const FileTask& task, const std::string& code, const std::string& message) {
  const std::lock_guard writing(writing_);
  if (!is_wanted(task)) return;
  VectorStoreFile file = *record_of(task.store_id, task.file.id);
  around_.ingestor->remove(task.store_id, file.id);  // as it was read earlier, if it was
  file.status = Status::kFailed;
  file.error_code = code;
  file.error_message = message;
  put_file(task.store_id, file);
}

}  // namespace tandem
