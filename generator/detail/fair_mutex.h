// A mutex that is granted in the order in which it was asked for.
//
// std::mutex lets the thread that just unlocked it take it again before a waiting one wakes up; a
// generation in a tight loop would then starve the others. Works with std::lock_guard.
#ifndef TANDEM_GENERATOR_DETAIL_FAIR_MUTEX_H_
#define TANDEM_GENERATOR_DETAIL_FAIR_MUTEX_H_

#include <condition_variable>
#include <deque>
#include <mutex>

namespace tandem::detail {

class FairMutex {
 public:
  void lock() {
    std::unique_lock guard(mutex_);
    if (!held_) {
      held_ = true;
      return;
    }
    Waiter self;
    waiting_.push_back(&self);
    self.woken.wait(guard, [&] { return self.granted; });
  }

  // Hands the mutex to the thread that has waited longest; it stays held in between.
  void unlock() {
    const std::lock_guard guard(mutex_);
    if (waiting_.empty()) {
      held_ = false;
      return;
    }
    Waiter* const next = waiting_.front();
    waiting_.pop_front();
    next->granted = true;
    next->woken.notify_one();  // under the lock: `next` lives on the stack of its thread
  }

 private:
  struct Waiter {
    std::condition_variable woken;
    bool granted = false;
  };

  std::mutex mutex_;
  bool held_ = false;
  std::deque<Waiter*> waiting_;
};

}  // namespace tandem::detail

#endif  // TANDEM_GENERATOR_DETAIL_FAIR_MUTEX_H_
