// Fine-tuning that clients ask for, one job at a time, in the order in which they came.
//
// The training is a process of its own, `tandem train`, so that one that fails or needs more memory
// than there is takes nothing with it, and one that is cancelled ends at once. Everything about a
// job is in its folder (server/tuning/job.h): a server that is started again goes on with what was
// under way, from the run's last checkpoint, and with what waits for it.
#ifndef TANDEM_SERVER_TUNING_JOBS_H_
#define TANDEM_SERVER_TUNING_JOBS_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/release_jobs.h"
#include "server/tuning/job.h"
#include "server/uploaded_files.h"
#include "store/store.h"

namespace tandem {

// What jobs are done with; outlives them.
struct TuningSurroundings {
  const Store& store;
  const UploadedFiles& files;
  // ReleaseJobs::make().
  std::function<ReleaseJob(const ReleaseModels&, bool promote, const std::atomic<bool>& stop)>
      make_release;
  std::filesystem::path program;  // `tandem`
  int threads = 1;                // of a training
  bool read_only = false;         // jobs are shown, and nothing is done
};

// All methods may be called from any thread.
class TuningJobs {
 public:
  // Goes on with jobs that are not finished.
  explicit TuningJobs(TuningSurroundings surroundings);
  // Ends the training that is under way, to be gone on with.
  ~TuningJobs();
  TuningJobs(const TuningJobs&) = delete;
  TuningJobs& operator=(const TuningJobs&) = delete;

  // Queues a job. Throws RequestError (400) for models and files that it cannot be done with.
  TuningJob create(const TuningRequest& request);
  std::vector<TuningJob> list() const;  // the newest first
  std::optional<TuningJob> find(std::string_view id) const;
  // Returns when it has ended, or soon will. Nothing if there is no such job; throws RequestError
  // (400) if it is finished.
  std::optional<TuningJob> cancel(std::string_view id);

  std::filesystem::path folder(const TuningJob& job) const { return records_.folder(job); }

 private:
  void work();
  std::optional<TuningJob> next();
  void run(const TuningJob& job);
  // False where the job is to be left.
  bool train(const TuningJob& job);
  bool release(const TuningJob& job);
  bool is_promoted(const TuningJob& job);
  void leave(const TuningJob& job);
  void finish(const TuningJob& job, TuningJob::Status status, const std::string& message);
  void note(const TuningJob& job, const char* level, const std::string& message);
  TuningJob change(const TuningJob& job, const std::function<void(TuningJob&)>& change);
  Release base_release(const std::string& model) const;
  std::string content_of(const std::string& id, const char* param) const;
  void write_files(const TuningJob& job) const;

  const TuningSurroundings around_;
  const TuningRecords records_;
  mutable std::mutex mutex_;  // guards what follows, and the records
  std::condition_variable changed_;
  std::map<std::uint64_t, TuningJob> jobs_;  // by sequence
  bool stopping_ = false;
  std::atomic<bool> interrupt_ = false;  // whether the job that is worked on is to be left
  std::thread thread_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_TUNING_JOBS_H_
