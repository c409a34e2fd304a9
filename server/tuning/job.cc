#include "server/tuning/job.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "server/record_file.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxRecordBytes = 16u << 20;
constexpr char kRecord[] = "job.json";

json to_record(const TuningJob& job) {
  json events = json::array();
  for (const TuningEvent& event : job.events) {
    events.push_back({{"created_at", event.created_at_unix_s},
                      {"level", event.level},
                      {"message", event.message},
                      {"step", event.step}});
  }
  return {{"sequence", job.sequence},
          {"request", job.request.body},
          {"created_at", job.created_at_unix_s},
          {"encoder", job.encoder},
          {"generator", job.generator},
          {"threads", job.threads},
          {"status", to_string(job.status)},
          {"cancel_requested", job.cancel_requested},
          {"started_at", job.started_at_unix_s},
          {"finished_at", job.finished_at_unix_s},
          {"fine_tuned_model", job.fine_tuned_model},
          {"steps", job.steps},
          {"trained_tokens", job.trained_tokens},
          {"error", job.error},
          {"events", std::move(events)}};
}

TuningJob::Status status_named(const std::string& name) {
  using enum TuningJob::Status;
  for (const auto status : {kQueued, kRunning, kSucceeded, kFailed, kCancelled}) {
    if (to_string(status) == name) return status;
  }
  throw Error(ErrorCode::kCorrupt, "it has an unknown status");
}

TuningJob parse_record(const fs::path& folder) {
  const json record = read_record(folder / kRecord, kMaxRecordBytes, kVersion);
  TuningJob job;
  job.id = folder.filename().string();
  job.sequence = record.at("sequence");
  job.request = parse_tuning_request(record.at("request"));
  job.created_at_unix_s = record.at("created_at");
  job.encoder = record.at("encoder");
  job.generator = record.at("generator");
  job.threads = record.at("threads");
  job.status = status_named(record.at("status"));
  job.cancel_requested = record.at("cancel_requested");
  job.started_at_unix_s = record.at("started_at");
  job.finished_at_unix_s = record.at("finished_at");
  job.fine_tuned_model = record.at("fine_tuned_model");
  job.steps = record.at("steps");
  job.trained_tokens = record.at("trained_tokens");
  job.error = record.at("error");
  for (const json& event : record.at("events")) {
    job.events.push_back(
        {event.at("created_at"), event.at("level"), event.at("message"), event.at("step")});
  }
  return job;
}

}  // namespace

std::string_view to_string(TuningJob::Status status) {
  switch (status) {
    case TuningJob::Status::kQueued:
      return "queued";
    case TuningJob::Status::kRunning:
      return "running";
    case TuningJob::Status::kSucceeded:
      return "succeeded";
    case TuningJob::Status::kFailed:
      return "failed";
    case TuningJob::Status::kCancelled:
      return "cancelled";
  }
  return "failed";
}

std::vector<TuningJob> TuningRecords::read() const {
  std::vector<TuningJob> jobs;
  for (const fs::path& folder : paths_in(folder_)) {
    if (!exists(folder / kRecord)) continue;
    try {
      jobs.push_back(parse_record(folder));
    } catch (const std::exception& error) {
      log_warning("the job of fine-tuning in {} is left out: {}", folder.string(), error.what());
    }
  }
  std::sort(jobs.begin(), jobs.end(),
            [](const TuningJob& a, const TuningJob& b) { return a.sequence < b.sequence; });
  return jobs;
}

void TuningRecords::remove_leftovers() const {
  std::error_code ignored;
  for (const fs::path& folder : paths_in(folder_)) {
    if (!exists(folder / kRecord)) fs::remove_all(folder, ignored);
  }
}

void TuningRecords::write(const TuningJob& job) const {
  write_record(folder(job) / kRecord, to_record(job), kVersion);
}

}  // namespace tandem
