#include "retriever/index_keeper.h"

#include <omp.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "model/threads.h"

namespace tandem {
namespace {

// After a failure, most often a full disk: searches are right all the same, so there is no hurry.
constexpr std::chrono::seconds kRest{60};

}  // namespace

IndexKeeper::IndexKeeper(Work& work) : work_(work), thread_([this] { run(); }) {}

IndexKeeper::~IndexKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void IndexKeeper::wake() {
  {
    const std::lock_guard lock(mutex_);
    awake_ = true;
  }
  changed_.notify_all();
}

void IndexKeeper::settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return (!awake_ && !busy_) || resting_; });
}

void IndexKeeper::run() {
  // The other half is for those who wait for an answer. Holds for this thread only.
  omp_set_num_threads(std::max(1, compute_threads() / 2));
  const std::function<bool()> stop = [&] { return stopping_.load(); };
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!awake_) {
      changed_.notify_all();
      changed_.wait(lock, [&] { return awake_ || stopping_; });
      continue;
    }
    awake_ = false;
    busy_ = true;
    bool failed = false;
    lock.unlock();
    bool more = false;
    try {
      more = work_.do_next(stop);
    } catch (const std::exception& error) {
      failed = !stopping_;
      if (failed) log_warning("the index could not be put in order: {}", error.what());
    } catch (...) {
      // Thrown because it was to stop.
      failed = !stopping_;
    }
    lock.lock();
    busy_ = false;
    awake_ = awake_ || more || failed;
    if (!failed) continue;
    resting_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kRest, [&] { return stopping_.load(); });
    resting_ = false;
  }
}

}  // namespace tandem
