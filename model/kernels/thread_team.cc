#include "model/kernels/thread_team.h"

#include "base/error.h"
#include "base/thread_priority.h"

namespace tandem {
namespace {

// A meeting takes well under a microsecond when all members run; the time between two steps, in
// which a token is chosen, some tens.
constexpr int kSpinsInStep = 4000;
constexpr int kSpinsBetweenSteps = 20000;

// Returns when `value` is no longer `old`.
void wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    __builtin_ia32_pause();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadTeam::ThreadTeam(int size, int niceness) {
  TANDEM_CHECK(size >= 1);
  for (int member = 1; member < size; ++member) {
    threads_.emplace_back([this, member, niceness] {
      lower_thread_priority(niceness);
      serve(member);
    });
  }
}

ThreadTeam::~ThreadTeam() {
  ending_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::run(const std::function<void(int)>& work) {
  work_ = &work;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  work(0);
  barrier();
}

void ThreadTeam::serve(int member) {
  for (std::uint32_t round = 0;; ++round) {
    wait_for_change(round_, round, kSpinsBetweenSteps);
    if (ending_) return;
    (*work_)(member);
    barrier();
  }
}

void ThreadTeam::barrier() {
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) == threads_.size()) {
    waiting_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    generation_.notify_all();
    return;
  }
  wait_for_change(generation_, generation, kSpinsInStep);
}

std::pair<std::size_t, std::size_t> share_of(std::size_t count, int member, int members) {
  const auto i = static_cast<std::size_t>(member);
  const auto n = static_cast<std::size_t>(members);
  return {count * i / n, count * (i + 1) / n};
}

}  // namespace tandem
