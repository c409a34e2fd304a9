#include "server/uploaded_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"
#include "server/record_file.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxRecordBytes = 64u << 10;
constexpr char kBytes[] = ".bytes";
constexpr char kRecord[] = ".json";

// The part of a path that names the file, whichever system wrote it.
std::string_view last_part(std::string_view path) {
  return path.substr(path.find_last_of("/\\") + 1);
}

UploadedFile parse_record(const fs::path& path) {
  const json record = read_record(path, kMaxRecordBytes, kVersion);
  UploadedFile file;
  file.id = path.stem().string();
  file.filename = record.at("filename");
  file.purpose = record.at("purpose");
  file.created_at_unix_s = record.at("created_at");
  file.sequence = record.at("sequence");
  file.owner = record.value("owner", "");  // files of before there were keys have none
  fs::path bytes = path;
  file.size_bytes = fs::file_size(bytes.replace_extension(kBytes));
  return file;
}

}  // namespace

UploadedFiles::UploadedFiles(const fs::path& store, bool read_only) : folder_(store / "files") {
  read_records();
  if (!read_only) remove_leftovers();
}

fs::path UploadedFiles::bytes_path(std::string_view id) const {
  return folder_ / fmt::format("{}{}", id, kBytes);
}

fs::path UploadedFiles::record_path(std::string_view id) const {
  return folder_ / fmt::format("{}{}", id, kRecord);
}

void UploadedFiles::read_records() {
  for (const fs::path& path : paths_in(folder_)) {
    if (path.extension() != kRecord) continue;
    try {
      UploadedFile file = parse_record(path);
      last_sequence_ = std::max(last_sequence_, file.sequence);
      files_.emplace(file.id, file);
    } catch (const std::exception& error) {
      log_warning("the uploaded file {} is left out: {}", path.string(), error.what());
    }
  }
}

// Bytes whose record was not written, or is gone; and what was being written.
void UploadedFiles::remove_leftovers() const {
  std::error_code ignored;
  for (const fs::path& path : paths_in(folder_)) {
    const bool lacks_record =
        path.extension() == kBytes && !exists(record_path(path.stem().string()));
    if (is_unfinished(path) || lacks_record) fs::remove(path, ignored);
  }
}

UploadedFile UploadedFiles::add(std::string_view filename, std::string_view purpose,
                                std::string_view bytes, std::string_view owner) {
  filename = last_part(filename);
  if (filename.empty() || filename.size() > kMaxFileNameBytes || !is_valid_utf8(filename)) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the file's name must be UTF-8 of 1 to {} bytes", kMaxFileNameBytes),
                "send it with another name");
  }
  UploadedFile file;
  file.id = random_id("file-");
  file.filename = filename;
  file.purpose = purpose;
  file.size_bytes = bytes.size();
  file.created_at_unix_s = std::time(nullptr);
  file.owner = owner;
  const std::lock_guard lock(mutex_);
  if (files_.size() >= kMaxUploadedFiles) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("the store has {} uploaded files already", files_.size()),
                "delete some that are no longer needed");
  }
  file.sequence = ++last_sequence_;
  make_record_folder(folder_);
  write_file_atomic(bytes_path(file.id), bytes);
  const json record = {{"sequence", file.sequence},
                       {"filename", file.filename},
                       {"purpose", file.purpose},
                       {"created_at", file.created_at_unix_s},
                       {"owner", file.owner}};
  try {
    write_record(record_path(file.id), record, kVersion);
  } catch (...) {
    std::error_code ignored;
    fs::remove(bytes_path(file.id), ignored);
    throw;
  }
  files_.emplace(file.id, file);
  return file;
}

std::optional<UploadedFile> UploadedFiles::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(id);
  return found == files_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<UploadedFile> UploadedFiles::list() const {
  std::vector<UploadedFile> files;
  {
    const std::lock_guard lock(mutex_);
    files.reserve(files_.size());
    for (const auto& [id, file] : files_) files.push_back(file);
  }
  std::sort(files.begin(), files.end(),
            [](const UploadedFile& a, const UploadedFile& b) { return a.sequence < b.sequence; });
  return files;
}

std::optional<std::string> UploadedFiles::content(std::string_view id) const {
  // Only ids that were given here lead to a path.
  const std::lock_guard lock(mutex_);
  if (!files_.contains(id)) return std::nullopt;
  return read_file(bytes_path(id));
}

bool UploadedFiles::remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(id);
  if (found == files_.end()) return false;
  fs::remove(record_path(id));
  std::error_code ignored;  // what is left is removed when the folder is opened again
  fs::remove(bytes_path(id), ignored);
  files_.erase(found);
  return true;
}

}  // namespace tandem
