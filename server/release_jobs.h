// What a running server does to its releases. Making one takes minutes to hours and goes on in the
// background; all else ends before its call returns.
#ifndef TANDEM_SERVER_RELEASE_JOBS_H_
#define TANDEM_SERVER_RELEASE_JOBS_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "server/engine.h"
#include "server/releases.h"

namespace tandem {

// The making of a release, running or the last one that ended.
struct ReleaseJob {
  enum class Status { kRunning, kDone, kFailed, kCancelled };
  Status status = Status::kRunning;
  std::uint32_t release = 0;  // 0: the store does not know it yet
  std::string stage = {};     // of ReleaseReport, or "promoting"
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::string error = {};  // of kFailed
};

// All methods may be called from any thread. Throws Error and, for what another job keeps from
// being done, RequestError (409).
class ReleaseJobs {
 public:
  // Borrows the engine, which must outlive it.
  explicit ReleaseJobs(Engine& engine) : engine_(engine) {}
  // Stops what is under way; a release that is not complete stays as it is, to be gone on with.
  ~ReleaseJobs();
  ReleaseJobs(const ReleaseJobs&) = delete;
  ReleaseJobs& operator=(const ReleaseJobs&) = delete;

  // Begins to make a release and, where that is asked for, promotes it in the end.
  void create(const ReleaseModels& models, bool promote);
  // The same in this thread, when no other is being made any more: returns how it ended. It is
  // cancelled as soon as `stop` is true.
  ReleaseJob make(const ReleaseModels& models, bool promote, const std::atomic<bool>& stop);
  std::optional<ReleaseJob> job() const;

  // By name, such as "r2".
  void promote(const std::string& name);
  void rollback();
  // Also of one that is being made, which is given up.
  void remove(const std::string& name);

 private:
  class Hold;
  struct Cancelled {};
  bool is_running() const { return job_ && job_->status == ReleaseJob::Status::kRunning; }
  void begin();
  ReleaseJob run(const ReleaseModels& models, bool promote, const std::atomic<bool>& stop);
  void report(std::string_view stage, std::uint64_t done, std::uint64_t total);
  ReleaseJob end(ReleaseJob::Status status, std::string error = {});

  Engine& engine_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable ended_;
  std::optional<ReleaseJob> job_;
  std::set<std::uint32_t> held_;  // releases' vectors that somebody works on
  std::atomic<bool> cancelled_ = false;
  std::thread thread_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_RELEASE_JOBS_H_
