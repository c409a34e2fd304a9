#include "server/release_jobs.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "model/threads.h"
#include "server/http_error.h"

namespace tandem {

// The right to work on a set of vectors, which one at a time may have.
class ReleaseJobs::Hold {
 public:
  Hold(ReleaseJobs& jobs, std::uint32_t vectors) : jobs_(jobs), vectors_(vectors) {
    const std::lock_guard lock(jobs_.mutex_);
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
  if (job_ && job_->status == ReleaseJob::Status::kRunning) {
    throw RequestError(409, "A release is being made already; GET /v1/releases says how far it is.",
                       {}, "release_busy");
  }
  if (thread_.joinable()) thread_.join();  // it has ended but for its last instruction
  cancelled_ = false;
  job_ = ReleaseJob{};
  thread_ = std::thread([this, models, promote] { run(models, promote); });
}

void ReleaseJobs::report(std::string_view stage, std::uint64_t done, std::uint64_t total) {
  if (cancelled_) throw Cancelled();
  const std::lock_guard lock(mutex_);
  job_->stage = stage;
  job_->done = done;
  job_->total = total;
}

void ReleaseJobs::end(ReleaseJob::Status status, std::string error) {
  if (!error.empty()) log_warning("a release could not be made: {}", error);
  {
    const std::lock_guard lock(mutex_);
    job_->status = status;
    job_->error = std::move(error);
  }
  ended_.notify_all();
}

void ReleaseJobs::run(const ReleaseModels& models, bool promote) {
  // The other half is for those who wait for an answer. Holds for this thread only.
  omp_set_num_threads(std::max(1, compute_threads() / 2));
  try {
    std::optional<Hold> hold;
    const Release release = create_release(
        *engine_.store, models,
        [this](std::string_view stage, std::uint64_t done, std::uint64_t total) {
          report(stage, done, total);
        },
        [&](const Release& added) {
          hold.emplace(*this, added.vectors);
          const std::lock_guard lock(mutex_);
          job_->release = added.number;
        });
    if (promote) {
      report("promoting", 0, 0);
      engine_.promote(release.number);
    }
    hold.reset();
    end(ReleaseJob::Status::kDone);
  } catch (const Cancelled&) {
    end(ReleaseJob::Status::kCancelled);
  } catch (const std::exception& error) {
    end(ReleaseJob::Status::kFailed, error.what());
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
