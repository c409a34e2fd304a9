#include "server/vector_stores/record.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "retriever/attribute_json.h"
#include "server/record_file.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxRecordBytes = 256u << 10;
constexpr char kStore[] = "store.json";
constexpr char kFiles[] = "files";
constexpr char kBatches[] = "batches";
constexpr char kRecord[] = ".json";

const std::map<std::string, VectorStore::State> kStates = {
    {"live", VectorStore::State::kLive},
    {"expired", VectorStore::State::kExpired},
    {"deleted", VectorStore::State::kDeleted}};
const std::map<std::string, VectorStoreFile::Status> kStatuses = {
    {"in_progress", VectorStoreFile::Status::kInProgress},
    {"completed", VectorStoreFile::Status::kCompleted},
    {"failed", VectorStoreFile::Status::kFailed},
    {"cancelled", VectorStoreFile::Status::kCancelled}};

template <typename Value>
std::string_view name_of(const std::map<std::string, Value>& names, Value value) {
  for (const auto& [name, named] : names) {
    if (named == value) return name;
  }
  return names.begin()->first;
}

template <typename Value>
Value value_named(const std::map<std::string, Value>& names, const std::string& name) {
  const auto found = names.find(name);
  if (found != names.end()) return found->second;
  throw Error(ErrorCode::kCorrupt, fmt::format("it says '{}'", name));
}

VectorStore parse_store(const fs::path& folder) {
  const json record = read_record(folder / kStore, kMaxRecordBytes, kVersion);
  VectorStore store;
  store.id = folder.filename().string();
  store.sequence = record.at("sequence");
  store.name = record.at("name");
  store.description = record.at("description");
  store.metadata = record.at("metadata");
  store.expires_after_days = record.at("expires_after_days");
  store.created_at_unix_s = record.at("created_at");
  store.last_active_at_unix_s = record.at("last_active_at");
  store.state = value_named(kStates, record.at("state"));
  store.removed_up_to = record.at("removed_up_to");
  return store;
}

VectorStoreFile parse_file(const fs::path& path) {
  const json record = read_record(path, kMaxRecordBytes, kVersion);
  VectorStoreFile file;
  file.id = path.stem().string();
  file.sequence = record.at("sequence");
  file.batch = record.at("batch");
  file.created_at_unix_s = record.at("created_at");
  file.status = value_named(kStatuses, record.at("status"));
  file.error_code = record.at("error_code");
  file.error_message = record.at("error_message");
  file.attributes = parse_attributes(record.at("attributes"), "attributes");
  file.asked_passage_tokens = record.at("asked_passage_tokens");
  file.passage_tokens = record.at("passage_tokens");
  return file;
}

FileBatch parse_batch(const fs::path& path) {
  const json record = read_record(path, kMaxRecordBytes, kVersion);
  FileBatch batch;
  batch.id = path.stem().string();
  batch.sequence = record.at("sequence");
  batch.created_at_unix_s = record.at("created_at");
  batch.cancelled = record.at("cancelled");
  return batch;
}

template <typename Parse>
auto read_all(const fs::path& folder, const Parse& parse) {
  std::vector<decltype(parse(folder))> records;
  for (const fs::path& path : paths_in(folder)) {
    if (path.extension() != kRecord) continue;
    try {
      records.push_back(parse(path));
    } catch (const std::exception& error) {
      log_warning("{} is left out: {}", path.string(), error.what());
    }
  }
  return records;
}

void write_in_folder(const fs::path& path, json record) {
  make_record_folder(path.parent_path());
  write_record(path, std::move(record), kVersion);
}

fs::path record_path(const fs::path& folder, std::string_view store_id, const char* kind,
                     std::string_view id) {
  return folder / store_id / kind / fmt::format("{}{}", id, kRecord);
}

}  // namespace

std::string_view to_string(VectorStoreFile::Status status) {
  return name_of(kStatuses, status);
}

ListPlace place_of(const VectorStore& store) {
  return {store.created_at_unix_s, store.sequence, store.id};
}

ListPlace place_of(const VectorStoreFile& file) {
  return {file.created_at_unix_s, file.sequence, file.id};
}

std::vector<VectorStoreRecords::Kept> VectorStoreRecords::read() const {
  std::vector<Kept> all;
  for (const fs::path& folder : paths_in(folder_)) {
    if (!exists(folder / kStore)) continue;
    try {
      all.push_back({parse_store(folder), {}, {}});
    } catch (const std::exception& error) {
      log_warning("the vector store in {} is left out: {}", folder.string(), error.what());
      continue;
    }
    all.back().files = read_all(folder / kFiles, parse_file);
    all.back().batches = read_all(folder / kBatches, parse_batch);
  }
  return all;
}

void VectorStoreRecords::remove_leftovers() const {
  std::error_code ignored;
  const auto remove_unfinished = [&](const fs::path& folder) {
    for (const fs::path& path : paths_in(folder)) {
      if (is_unfinished(path)) fs::remove(path, ignored);
    }
  };
  for (const fs::path& folder : paths_in(folder_)) {
    if (!exists(folder / kStore)) {
      fs::remove_all(folder, ignored);
      continue;
    }
    for (const char* const part : {"", kFiles, kBatches}) remove_unfinished(folder / part);
  }
}

void VectorStoreRecords::write(const VectorStore& store) const {
  write_in_folder(folder_ / store.id / kStore, {{"sequence", store.sequence},
                                                {"name", store.name},
                                                {"description", store.description},
                                                {"metadata", store.metadata},
                                                {"expires_after_days", store.expires_after_days},
                                                {"created_at", store.created_at_unix_s},
                                                {"last_active_at", store.last_active_at_unix_s},
                                                {"state", name_of(kStates, store.state)},
                                                {"removed_up_to", store.removed_up_to}});
}

void VectorStoreRecords::write(std::string_view store_id, const VectorStoreFile& file) const {
  write_in_folder(record_path(folder_, store_id, kFiles, file.id),
                  {{"sequence", file.sequence},
                   {"batch", file.batch},
                   {"created_at", file.created_at_unix_s},
                   {"status", to_string(file.status)},
                   {"error_code", file.error_code},
                   {"error_message", file.error_message},
                   {"attributes", to_json(file.attributes)},
                   {"asked_passage_tokens", file.asked_passage_tokens},
                   {"passage_tokens", file.passage_tokens}});
}

void VectorStoreRecords::write(std::string_view store_id, const FileBatch& batch) const {
  write_in_folder(record_path(folder_, store_id, kBatches, batch.id),
                  {{"sequence", batch.sequence},
                   {"created_at", batch.created_at_unix_s},
                   {"cancelled", batch.cancelled}});
}

void VectorStoreRecords::remove(std::string_view store_id) const {
  // First what says that the rest is there.
  fs::remove(folder_ / store_id / kStore);
  std::error_code ignored;  // what is left is removed when the records are read again
  fs::remove_all(folder_ / store_id, ignored);
}

void VectorStoreRecords::remove_file(std::string_view store_id, std::string_view file_id) const {
  fs::remove(record_path(folder_, store_id, kFiles, file_id));
}

void VectorStoreRecords::remove_batch(std::string_view store_id, std::string_view batch_id) const {
  fs::remove(record_path(folder_, store_id, kBatches, batch_id));
}

void VectorStoreRecords::remove_files(std::string_view store_id) const {
  for (const char* const kind : {kFiles, kBatches}) fs::remove_all(folder_ / store_id / kind);
}

}  // namespace tandem
