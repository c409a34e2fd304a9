#include "server/record_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "server/exchange.h"
#include "server/record_file.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMaxRecordBytes = 1u << 30;
constexpr std::size_t kSequenceDigits = 20;
constexpr char kExtension[] = ".json";

// Nothing for a file that is no record.
std::optional<RecordPlace> place_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  RecordPlace place;
  const auto [end, fault] = std::from_chars(stem.data(), stem.data() + stem.size(), place.sequence);
  if (fault != std::errc() || end != stem.data() + kSequenceDigits ||
      file.extension() != kExtension || stem.size() <= kSequenceDigits + 1) {
    return std::nullopt;
  }
  place.id = stem.substr(kSequenceDigits + 1);
  return place;
}

}  // namespace

RecordFolder::RecordFolder(fs::path folder, int version, bool read_only, RecordLimits limits)
    : folder_(std::move(folder)), version_(version), limits_(limits) {
  read_names(read_only);
}

fs::path RecordFolder::path(const RecordPlace& place) const {
  return folder_ / fmt::format("{:020}-{}{}", place.sequence, place.id, kExtension);
}

void RecordFolder::read_names(bool read_only) {
  for (const fs::path& file : paths_in(folder_)) {
    std::error_code failure;
    if (is_unfinished(file)) {
      if (!read_only) fs::remove(file, failure);
      continue;
    }
    const auto place = place_of(file);
    if (!place) continue;
    const std::uint64_t size_bytes = fs::file_size(file, failure);
    if (failure || !files_.emplace(place->id, File{place->sequence, size_bytes}).second) continue;
    ids_.emplace(place->sequence, place->id);
    bytes_ += size_bytes;
    last_sequence_ = std::max(last_sequence_, place->sequence);
  }
  if (!read_only) remove_oldest();
}

void RecordFolder::add(std::string_view id, const json& record) {
  const std::lock_guard lock(mutex_);
  put_locked({last_sequence_ + 1, std::string(id)}, record);
}

void RecordFolder::put(const RecordPlace& place, const json& record) {
  const std::lock_guard lock(mutex_);
  put_locked(place, record);
}

void RecordFolder::put_locked(const RecordPlace& place, const json& record) {
  json file = record;
  file["version"] = version_;
  const std::string content = dump_json(file);
  make_record_folder(folder_);
  write_file_atomic(path(place), content);
  const auto found = files_.find(place.id);
  if (found != files_.end()) bytes_ -= found->second.size_bytes;
  files_.insert_or_assign(place.id, File{place.sequence, content.size()});
  ids_.insert_or_assign(place.sequence, place.id);
  bytes_ += content.size();
  last_sequence_ = std::max(last_sequence_, place.sequence);
  remove_oldest();
}

bool RecordFolder::read(std::string_view id, const std::function<void(json record)>& visit) const {
  // Only ids that were given here lead to a path.
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(id);
  if (found == files_.end()) return false;
  const fs::path file = path({found->second.sequence, std::string(id)});
  try {
    visit(read_record(file, kMaxRecordBytes, version_));
    return true;
  } catch (const std::exception& error) {
    log_warning("the record {} cannot be read: {}", file.string(), error.what());
    return false;
  }
}

bool RecordFolder::remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  if (!files_.contains(id)) return false;
  remove_locked(id);
  return true;
}

std::size_t RecordFolder::size() const {
  const std::lock_guard lock(mutex_);
  return files_.size();
}

std::uint64_t RecordFolder::last_sequence() const {
  const std::lock_guard lock(mutex_);
  return last_sequence_;
}

std::vector<RecordPlace> RecordFolder::places() const {
  const std::lock_guard lock(mutex_);
  std::vector<RecordPlace> places;
  places.reserve(ids_.size());
  for (const auto& [sequence, id] : ids_) places.push_back({sequence, id});
  return places;
}

std::optional<RecordPlace> RecordFolder::find_beginning(std::string_view beginning) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.lower_bound(beginning);
  if (found == files_.end() || !found->first.starts_with(beginning)) return std::nullopt;
  return RecordPlace{found->second.sequence, found->first};
}

std::optional<RecordPlace> RecordFolder::find_ending(std::string_view ending) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(ids_.rbegin(), ids_.rend(),
                                  [&](const auto& id) { return id.second.ends_with(ending); });
  if (found == ids_.rend()) return std::nullopt;
  return RecordPlace{found->first, found->second};
}

void RecordFolder::remove_locked(std::string_view id) {
  const auto found = files_.find(id);
  fs::remove(path({found->second.sequence, std::string(id)}));
  bytes_ -= found->second.size_bytes;
  ids_.erase(found->second.sequence);
  files_.erase(found);
}

void RecordFolder::remove_oldest() {
  while (ids_.size() > limits_.count || (ids_.size() > 1 && bytes_ > limits_.bytes)) {
    remove_locked(std::string(ids_.begin()->second));
  }
}

}  // namespace tandem
