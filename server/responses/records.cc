#include "server/responses/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/log.h"
#include "server/exchange.h"
#include "server/record_file.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxRecordBytes = 1u << 30;
constexpr std::size_t kSequenceDigits = 20;
constexpr char kExtension[] = ".json";

json to_json(const std::vector<ChatMessage>& conversation) {
  json messages = json::array();
  for (const ChatMessage& message : conversation) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  return messages;
}

ResponseRecord parse_record(const fs::path& path) {
  json file = read_record(path, kMaxRecordBytes, kVersion);
  ResponseRecord record;
  record.response = std::move(file.at("response"));
  record.input = std::move(file.at("input"));
  for (const json& message : file.at("conversation")) {
    record.conversation.push_back({message.at("role"), message.at("content")});
  }
  record.owner = file.value("owner", "");  // responses of before there were keys have none
  return record;
}

}  // namespace

ResponseRecords::ResponseRecords(const fs::path& store, bool read_only, ResponseLimits limits)
    : folder_(store / "responses"), limits_(limits) {
  read_names(read_only);
}

fs::path ResponseRecords::path(std::string_view id, std::uint64_t sequence) const {
  return folder_ / fmt::format("{:020}-{}{}", sequence, id, kExtension);
}

void ResponseRecords::read_names(bool read_only) {
  for (const fs::path& file : paths_in(folder_)) {
    std::error_code failure;
    if (is_unfinished(file)) {
      if (!read_only) fs::remove(file, failure);
      continue;
    }
    const std::string name = file.filename().string();
    Place place;
    const auto [end, fault] =
        std::from_chars(name.data(), name.data() + name.size(), place.sequence);
    const std::string stem = file.stem().string();
    if (fault != std::errc() || end != name.data() + kSequenceDigits ||
        file.extension() != kExtension || stem.size() <= kSequenceDigits + 1) {
      continue;
    }
    place.size_bytes = fs::file_size(file, failure);
    if (failure) continue;
    const std::string id = stem.substr(kSequenceDigits + 1);
    if (!places_.emplace(id, place).second) continue;
    ids_.emplace(place.sequence, id);
    bytes_ += place.size_bytes;
    last_sequence_ = std::max(last_sequence_, place.sequence);
  }
  if (!read_only) remove_oldest();
}

void ResponseRecords::add(const ResponseRecord& record) {
  const std::string id = record.response.at("id");
  const std::string content = dump_json({{"version", kVersion},
                                         {"response", record.response},
                                         {"input", record.input},
                                         {"conversation", to_json(record.conversation)},
                                         {"owner", record.owner}});
  const std::lock_guard lock(mutex_);
  make_record_folder(folder_);
  const std::uint64_t sequence = ++last_sequence_;
  write_file_atomic(path(id, sequence), content);
  places_.emplace(id, Place{sequence, content.size()});
  ids_.emplace(sequence, id);
  bytes_ += content.size();
  remove_oldest();
}

std::optional<ResponseRecord> ResponseRecords::find(std::string_view id) const {
  // Only ids that were given here lead to a path.
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(id);
  if (found == places_.end()) return std::nullopt;
  const fs::path file = path(id, found->second.sequence);
  try {
    return parse_record(file);
  } catch (const std::exception& error) {
    log_warning("the response {} cannot be read: {}", file.string(), error.what());
    return std::nullopt;
  }
}

bool ResponseRecords::remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  if (!places_.contains(id)) return false;
  remove_locked(id);
  return true;
}

void ResponseRecords::remove_locked(std::string_view id) {
  const auto found = places_.find(id);
  fs::remove(path(id, found->second.sequence));
  bytes_ -= found->second.size_bytes;
  ids_.erase(found->second.sequence);
  places_.erase(found);
}

// The newest stays, however large it is.
void ResponseRecords::remove_oldest() {
  while (ids_.size() > 1 && (ids_.size() > limits_.count || bytes_ > limits_.bytes)) {
    remove_locked(std::string(ids_.begin()->second));
  }
}

}  // namespace tandem
