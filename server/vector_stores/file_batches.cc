// Files of vector stores that were added together.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "server/http_error.h"
#include "server/record_file.h"
#include "server/vector_stores/vector_stores.h"

namespace tandem {
namespace {

using Status = VectorStoreFile::Status;

[[noreturn]] void throw_batch_not_found(std::string_view id, std::string_view batch_id) {
  throw RequestError(404,
                     fmt::format("There is no batch '{}' in the vector store '{}'.", batch_id, id),
                     "batch_id", "batch_not_found");
}

}  // namespace

FileBatchView VectorStores::add_batch(std::string_view id, std::span<const AddedFile> added) {
  FileBatch batch;
  batch.id = random_id("vsfb_");
  {
    const std::lock_guard writing(writing_);
    require(id, Need::kLive);
    const std::vector<VectorStoreFile> files = new_files(added, batch.id);
    const std::string store_id = ensure_record(id);
    batch.sequence = next_sequence();
    batch.created_at_unix_s = around_.now_unix_s();
    records_.write(store_id, batch);
    try {
      write_files(store_id, files);
    } catch (...) {
      records_.remove_batch(store_id, batch.id);
      throw;
    }
    {
      const std::lock_guard lock(mutex_);
      stores_.at(store_id).batches.emplace(batch.id, batch);
    }
    keep_files(store_id, files);
    forget_old_batches(store_id);
  }
  wake();
  return find_batch(id, batch.id);
}

FileBatchView VectorStores::find_batch(std::string_view id, std::string_view batch_id) const {
  FileBatchView view;
  view.store_id = require(id, Need::kAny).id;
  const std::lock_guard lock(mutex_);
  const Kept* const kept = find_kept(id);
  const bool has_batches = kept != nullptr && !has_expired(kept->store);
  if (!has_batches || !kept->batches.contains(batch_id)) throw_batch_not_found(id, batch_id);
  view.batch = kept->batches.find(batch_id)->second;
  for (const auto& [file_id, file] : kept->files) {
    if (file.batch == batch_id) view.files.add(file.status);
  }
  return view;
}

// What a document was made of meanwhile goes too: what is cancelled is not searched.
FileBatchView VectorStores::cancel_batch(std::string_view id, std::string_view batch_id) {
  {
    const std::lock_guard writing(writing_);
    FileBatchView view = find_batch(id, batch_id);
    std::vector<VectorStoreFile> files;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [file_id, file] : find_kept(id)->files) {
        if (file.batch == batch_id && file.status == Status::kInProgress) files.push_back(file);
      }
    }
    if (files.empty()) return view;
    view.batch.cancelled = true;
    records_.write(view.store_id, view.batch);
    {
      const std::lock_guard lock(mutex_);
      stores_.at(view.store_id).batches.at(view.batch.id) = view.batch;
    }
    for (VectorStoreFile& file : files) {
      file.status = Status::kCancelled;
      put_file(view.store_id, file);
      around_.ingestor->remove(view.store_id, file.id);
    }
  }
  return find_batch(id, batch_id);
}

void VectorStores::forget_old_batches(const std::string& id) {
  std::vector<FileBatch> finished;
  std::size_t excess = 0;
  {
    const std::lock_guard lock(mutex_);
    const Kept& kept = stores_.at(id);
    if (kept.batches.size() <= kMaxFileBatches) return;
    excess = kept.batches.size() - kMaxFileBatches;
    std::set<std::string> unfinished;
    for (const auto& [file_id, file] : kept.files) {
      if (file.status == Status::kInProgress) unfinished.insert(file.batch);
    }
    for (const auto& [batch_id, batch] : kept.batches) {
      if (!unfinished.contains(batch_id)) finished.push_back(batch);
    }
  }
  std::sort(finished.begin(), finished.end(),
            [](const FileBatch& a, const FileBatch& b) { return a.sequence < b.sequence; });
  finished.resize(std::min(finished.size(), excess));
  for (const FileBatch& batch : finished) {
    records_.remove_batch(id, batch.id);
    const std::lock_guard lock(mutex_);
    stores_.at(id).batches.erase(batch.id);
  }
}

}  // namespace tandem
