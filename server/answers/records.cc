#include "server/answers/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace tandem {
namespace {

constexpr int kVersion = 1;
// Neither kind of id has it.
constexpr char kBetweenIds = '~';

std::string name_of(const AnswerRecord& record) {
  return record.id + kBetweenIds + record.request_id;
}

std::string id_of(std::string_view name) {
  return std::string(name.substr(0, name.find(kBetweenIds)));
}

std::uint64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

bool is_too_long(const AnswerRecord& record) {
  std::size_t bytes = record.answer.at("prompt").get_ref<const std::string&>().size();
  for (const nlohmann::json& message : record.answer.at("messages")) {
    bytes += message.at("content").get_ref<const std::string&>().size();
  }
  return bytes > kMaxAnswerBytes;
}

}  // namespace

AnswerRecords::AnswerRecords(const std::filesystem::path& store, bool read_only,
                             RecordLimits limits)
    : answers_(store / "answers", kVersion, read_only, limits),
      feedback_(store / "feedback", kVersion, read_only, {}),
      keeps_(!read_only && limits.count > 0),
      last_sequence_(std::max(answers_.last_sequence(), feedback_.last_sequence())) {
  if (keeps_) writer_ = std::thread([this] { write_waiting(); });
}

AnswerRecords::~AnswerRecords() {
  if (!keeps_) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  writer_.join();
}

void AnswerRecords::add(AnswerRecord record) {
  if (!keeps_) return;
  if (is_too_long(record)) {
    return log_warning("the answer {} is not kept: it and its prompt are too long", record.id);
  }
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMaxWaitingAnswers) {
    return log_warning("the answer {} is not kept: {} wait for the disk", record.id,
                       waiting_.size());
  }
  last_sequence_ = std::max(last_sequence_ + 1, now_us());
  std::string name = name_of(record);
  waiting_.push_back({{last_sequence_, std::move(name)}, std::move(record)});
  changed_.notify_one();
}

void AnswerRecords::write_waiting() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Waiting& next = waiting_.front();  // stays where it is while others come behind it
    lock.unlock();
    try {
      answers_.put(next.place, to_json(next.record));
    } catch (const std::exception& error) {
      log_warning("the answer {} is not kept: {}", next.record.id, error.what());
    }
    lock.lock();
    waiting_.pop_front();
  }
}

std::optional<RecordPlace> AnswerRecords::file_of(std::string_view id) const {
  const std::string beginning = std::string(id) + kBetweenIds;
  {
    // Before the folder: what is written meanwhile is in both.
    const std::lock_guard lock(mutex_);
    for (const Waiting& waiting : waiting_) {
      if (waiting.place.id.starts_with(beginning)) return waiting.place;
    }
  }
  if (auto file = answers_.find_beginning(beginning)) return file;
  return feedback_.find_beginning(beginning);
}

std::optional<RecordPlace> AnswerRecords::file_of_request(std::string_view request_id) const {
  const std::string ending = kBetweenIds + std::string(request_id);
  {
    const std::lock_guard lock(mutex_);
    const auto newest = std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const auto& waiting) {
      return waiting.place.id.ends_with(ending);
    });
    if (newest != waiting_.rend()) return newest->place;
  }
  auto file = answers_.find_ending(ending);
  auto reviewed = feedback_.find_ending(ending);
  if (!file || (reviewed && reviewed->sequence > file->sequence)) return reviewed;
  return file;
}

std::optional<AnswerRecord> AnswerRecords::read(const std::optional<RecordPlace>& file) const {
  std::optional<AnswerRecord> record;
  if (!file) return record;
  const auto visit = [&](nlohmann::json content) {
    record = parse_answer_record(std::move(content));
  };
  if (feedback_.read(file->id, visit)) return record;
  {
    const std::lock_guard lock(mutex_);
    for (const Waiting& waiting : waiting_) {
      if (waiting.place.sequence == file->sequence) return waiting.record;
    }
  }
  answers_.read(file->id, visit);
  return record;
}

std::optional<AnswerRecord> AnswerRecords::find(std::string_view id) const {
  return read(file_of(id));
}

std::optional<AnswerRecord> AnswerRecords::find_request(std::string_view request_id) const {
  return read(file_of_request(request_id));
}

std::optional<RecordPlace> AnswerRecords::place(std::string_view id) const {
  auto place = file_of(id);
  if (place) place->id = id;
  return place;
}

std::vector<RecordPlace> AnswerRecords::places(Review which) const {
  std::map<std::uint64_t, std::string> names;
  if (which != Review::kReviewed) {
    {
      const std::lock_guard lock(mutex_);
      for (const Waiting& waiting : waiting_) {
        names.emplace(waiting.place.sequence, waiting.place.id);
      }
    }
    for (RecordPlace& place : answers_.places()) {
      names.emplace(place.sequence, std::move(place.id));
    }
  }
  for (RecordPlace& place : feedback_.places()) {
    if (which == Review::kUnreviewed) {
      names.erase(place.sequence);
    } else {
      names.emplace(place.sequence, std::move(place.id));
    }
  }
  std::vector<RecordPlace> places;
  places.reserve(names.size());
  for (const auto& [sequence, name] : names) places.push_back({sequence, id_of(name)});
  return places;
}

std::optional<AnswerRecord> AnswerRecords::change_feedback(
    std::string_view id, const std::function<void(AnswerRecord&)>& change) {
  const std::lock_guard lock(feedback_mutex_);
  const auto file = file_of(id);
  auto record = read(file);
  if (!record) return std::nullopt;
  change(*record);
  if (record->feedback.says_nothing()) {
    feedback_.remove(file->id);
    return record;
  }
  if (feedback_.size() >= kMaxFeedback && !feedback_.find_beginning(file->id)) {
    throw Error(ErrorCode::kResourceExhausted,
                fmt::format("there is feedback on {} answers already", feedback_.size()),
                "delete some that is no longer needed");
  }
  record->feedback.updated_at_unix_s = std::time(nullptr);
  feedback_.put(*file, to_json(*record));
  return record;
}

bool AnswerRecords::remove_feedback(std::string_view id) {
  const std::lock_guard lock(feedback_mutex_);
  const auto file = file_of(id);
  return file && feedback_.remove(file->id);
}

}  // namespace tandem
