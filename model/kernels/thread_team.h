// Threads that compute one step of a network together.
//
// A decoding step is some hundred short pieces of work with a meeting after each; a thread pool
// with a queue, or OpenMP's fork and join, costs as much as the work. Here the whole step is one
// call that all members run, and they meet at barrier(), where they spin for a few microseconds
// before they sleep. Rejected: spinning without end, which takes the processor from whoever the
// others wait for when there are more threads than processors.
#ifndef TANDEM_MODEL_KERNELS_THREAD_TEAM_H_
#define TANDEM_MODEL_KERNELS_THREAD_TEAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

namespace tandem {

// run() is for one thread at a time; that thread is member 0 of the team.
class ThreadTeam {
 public:
  // `size` members, of which size - 1 are threads of the team's own. With a niceness, see nice(2),
  // these give way to others.
  explicit ThreadTeam(int size, int niceness = 0);
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam();

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  // Runs work(member) on every member at once and returns when all have ended. `work` must not
  // throw.
  void run(const std::function<void(int member)>& work);

  // Within run(): returns when every member has called it.
  void barrier();

 private:
  void serve(int member);

  std::vector<std::thread> threads_;
  const std::function<void(int)>* work_ = nullptr;
  bool ending_ = false;
  alignas(64) std::atomic<std::uint32_t> round_{0};
  alignas(64) std::atomic<std::uint32_t> waiting_{0};
  alignas(64) std::atomic<std::uint32_t> generation_{0};
};

// The part of `count` items that `member` of `members` takes: [first, second). Parts differ by one
// item at most.
std::pair<std::size_t, std::size_t> share_of(std::size_t count, int member, int members);

}  // namespace tandem

#endif  // TANDEM_MODEL_KERNELS_THREAD_TEAM_H_
