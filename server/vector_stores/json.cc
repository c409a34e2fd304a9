#include "server/vector_stores/json.h"

#include "retriever/attribute_json.h"

namespace tandem {
namespace {

using nlohmann::json;

json counts_json(const FileCounts& counts) {
  return {{"in_progress", counts.in_progress},
          {"completed", counts.completed},
          {"failed", counts.failed},
          {"cancelled", counts.cancelled},
          {"total", counts.total()}};
}

const char* status_of(const VectorStoreView& view) {
  if (view.store.state == VectorStore::State::kExpired) return "expired";
  return view.files.in_progress > 0 ? "in_progress" : "completed";
}

const char* status_of(const FileBatchView& view) {
  if (view.files.in_progress > 0) return "in_progress";
  if (view.batch.cancelled) return "cancelled";
  return view.files.failed > 0 && view.files.failed == view.files.total() ? "failed" : "completed";
}

// Passages never overlap here.
json chunking_json(const VectorStoreFile& file) {
  if (file.passage_tokens == 0) return {{"type", "other"}};
  return {
      {"type", "static"},
      {"static", {{"max_chunk_size_tokens", file.passage_tokens}, {"chunk_overlap_tokens", 0}}}};
}

}  // namespace

json to_json(const VectorStoreView& view) {
  const VectorStore& store = view.store;
  json expires_after;
  json expires_at;
  if (store.expires_after_days > 0) {
    expires_after = {{"anchor", "last_active_at"}, {"days", store.expires_after_days}};
    expires_at = view.expires_at_unix_s;
  }
  return {{"id", store.id},
          {"object", "vector_store"},
          {"created_at", store.created_at_unix_s},
          {"name", store.name},
          {"description", store.description.empty() ? json() : json(store.description)},
          {"status", status_of(view)},
          {"file_counts", counts_json(view.files)},
          {"usage_bytes", view.usage_bytes},
          {"last_active_at", store.last_active_at_unix_s},
          {"expires_after", std::move(expires_after)},
          {"expires_at", std::move(expires_at)},
          {"metadata", store.metadata}};
}

json to_json(const VectorStoreFileView& view) {
  const VectorStoreFile& file = view.file;
  json error;
  if (file.status == VectorStoreFile::Status::kFailed) {
    error = {{"code", file.error_code}, {"message", file.error_message}};
  }
  return {{"id", file.id},
          {"object", "vector_store.file"},
          {"created_at", file.created_at_unix_s},
          {"vector_store_id", view.store_id},
          {"status", to_string(file.status)},
          {"last_error", std::move(error)},
          {"usage_bytes", view.usage_bytes},
          {"attributes", to_json(file.attributes)},
          {"chunking_strategy", chunking_json(file)}};
}

json to_json(const FileBatchView& view) {
  return {{"id", view.batch.id},
          {"object", "vector_store.files_batch"},
          {"created_at", view.batch.created_at_unix_s},
          {"vector_store_id", view.store_id},
          {"status", status_of(view)},
          {"file_counts", counts_json(view.files)}};
}

}  // namespace tandem
