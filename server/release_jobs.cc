#include "server/release_jobs.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "model/threads.h"
#include "server/http_error.h"

namespace tandem {
namespace {

constexpr std::chrono::milliseconds kPause(200);  // between looks whether to stop waiting

}  // namespace

// The right to work on a set of vectors, which one at a time may have.
class ReleaseJobs::Hold {
 public:
  enum class IfTaken { kRefuse, kWait };

  Hold(ReleaseJobs& jobs, std::uint32_t vectors, IfTaken if_taken = IfTaken::kRefuse)
      : jobs_(jobs), vectors_(vectors) {
    std::unique_lock lock(jobs_.mutex_);
    while (if_taken == IfTaken::kWait && jobs_.held_.contains(vectors)) {
      if (jobs_.cancelled_) throw Cancelled();
      jobs_.ended_.wait_for(lock, kPause);
    }
    if (jobs_.held_.insert(vectors).second) return;
    throw RequestError(409,
                       "The vectors of this release are being worked on; GET /v1/releases says how "
                       "far that is.",
                       {}, "release_busy");
  }
  ~Hold() {
    const std::lock_guard lock(jobs_.mutex_);
    jobs_.held_.erase(vectors_);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  ReleaseJobs& jobs_;
  const std::uint32_t vectors_;
};

ReleaseJobs::~ReleaseJobs() {
  cancelled_ = true;
  if (thread_.joinable()) thread_.join();
}

std::optional<ReleaseJob> ReleaseJobs::job() const {
  const std::lock_guard lock(mutex_);
  return job_;
}

void ReleaseJobs::create(const ReleaseModels& models, bool promote) {
  const std::lock_guard lock(mutex_);
  if (is_running()) {
    throw RequestError(409, "A release is being made already; GET /v1/releases says how far it is.",
                       {}, "release_busy");
  }
  begin();
  thread_ = std::thread([this, models, promote] { run(models, promote, cancelled_); });
}

ReleaseJob ReleaseJobs::make(const ReleaseModels& models, bool promote,
                             const std::atomic<bool>& stop) {
  {
    std::unique_lock lock(mutex_);
    while (is_running() && !stop) ended_.wait_for(lock, kPause);
    if (stop) return {.status = ReleaseJob::Status::kCancelled};
    begin();
  }
  return run(models, promote, stop);
}

void ReleaseJobs::begin() {
  if (thread_.joinable()) thread_.join();  // it has ended but for its last instruction
  cancelled_ = false;
  job_ = ReleaseJob{};
}

void ReleaseJobs::report(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  job_->stage = stage;
  job_->done = done;
  job_->total = total;
}

ReleaseJob ReleaseJobs::end(ReleaseJob::Status status, std::string error) {
  if (!error.empty()) log_warning("a release could not be made: {}", error);
  ReleaseJob ended;
  {
    const std::lock_guard lock(mutex_);
    job_->status = status;
    job_->error = std::move(error);
    ended = *job_;
  }
  ended_.notify_all();
  return ended;
}

ReleaseJob ReleaseJobs::run(const ReleaseModels& models, bool promote,
                            const std::atomic<bool>& stop) {
  // The other half is for those who wait for an answer. Holds for this thread only.
  omp_set_num_threads(std::max(1, compute_threads() / 2));
  const auto report_unless_stopped = [&](std::string_view stage, std::uint64_t done,
                                         std::uint64_t total) {
    if (cancelled_ || stop) throw Cancelled();
    report(stage, done, total);
  };
  try {
    std::optional<Hold> hold;
    const Release release =
        create_release(*engine_.store, models, report_unless_stopped, [&](const Release& added) {
          // A switch that somebody asked for is no reason to give up hours of work.
          hold.emplace(*this, added.vectors, Hold::IfTaken::kWait);
          const std::lock_guard lock(mutex_);
          job_->release = added.number;
        });
    if (promote) {
      report_unless_stopped("promoting", 0, 0);
      engine_.promote(release.number);
    }
    hold.reset();
    return end(ReleaseJob::Status::kDone);
  } catch (const Cancelled&) {
    return end(ReleaseJob::Status::kCancelled);
  } catch (const std::exception& error) {
    return end(ReleaseJob::Status::kFailed, error.what());
  }
}

void ReleaseJobs::promote(const std::string& name) {
  const Release release = find_release(*engine_.store, name);
  const Hold hold(*this, release.vectors);
  engine_.promote(release.number);
}

void ReleaseJobs::rollback() {
  promote(release_name(find_previous(*engine_.store).number));
}

void ReleaseJobs::remove(const std::string& name) {
  const Release release = find_release(*engine_.store, name);
  {
    std::unique_lock lock(mutex_);
    if (job_ && job_->status == ReleaseJob::Status::kRunning && job_->release == release.number) {
      cancelled_ = true;
      ended_.wait(lock, [&] { return job_->status != ReleaseJob::Status::kRunning; });
    }
  }
  const Hold hold(*this, release.vectors);
  engine_.store->remove_release(release.number);
}

}  // namespace tandem
