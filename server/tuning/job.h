// A job of fine-tuning, and what is kept of it.
//
// In the folder of the store, tuning/ID/:
//
//   job.json       the record: TuningJob, with "version"
//   train.jsonl    questions to learn from, and dev.jsonl, questions to measure by
//   corpus.jsonl   the passages that are searched
//   run/           the run (trainer/training.h), without what became the release
//   log.txt        what `tandem train` said
//
// A record is written last when a job is made, and at once each time it changes. A folder without
// one is what a crash left, and is removed when the jobs are read.
#ifndef TANDEM_SERVER_TUNING_JOB_H_
#define TANDEM_SERVER_TUNING_JOB_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "server/tuning/request.h"

namespace tandem {

// Something that happened to a job. Steps are told by its run's metrics.
struct TuningEvent {
  std::int64_t created_at_unix_s = 0;
  std::string level;  // "info", "warn" or "error"
  std::string message;
  std::size_t step = 0;  // steps done by then
};

struct TuningJob {
  enum class Status { kQueued, kRunning, kSucceeded, kFailed, kCancelled };

  std::string id;              // "ftjob-" and 24 hexadecimal digits
  std::uint64_t sequence = 0;  // grows with each job
  TuningRequest request;
  std::int64_t created_at_unix_s = 0;
  // Models that it begins with, as the release names them (store/release.h), and compute threads:
  // a run that goes on must have those that it began with.
  std::string encoder;
  std::string generator;
  int threads = 1;

  Status status = Status::kQueued;
  bool cancel_requested = false;
  std::int64_t started_at_unix_s = 0;
  std::int64_t finished_at_unix_s = 0;
  std::string fine_tuned_model;  // a release, such as "r3"
  std::size_t steps = 0;         // done, when it was finished
  std::int64_t trained_tokens = 0;
  std::string error;  // of kFailed
  std::vector<TuningEvent> events = {};

  bool is_finished() const { return status > Status::kRunning; }
};

// As OpenAI calls it.
std::string_view to_string(TuningJob::Status status);

// The records of a store. For one thread at a time.
class TuningRecords {
 public:
  explicit TuningRecords(const std::filesystem::path& store) : folder_(store / "tuning") {}

  // By growing sequence. Records that cannot be read are passed over, with a warning in the log.
  std::vector<TuningJob> read() const;
  void remove_leftovers() const;
  // Throws as write_file_atomic.
  void write(const TuningJob& job) const;
  std::filesystem::path folder(const TuningJob& job) const { return folder_ / job.id; }

 private:
  std::filesystem::path folder_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_JOB_H_
