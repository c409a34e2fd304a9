#include "model/threads.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/error.h"
#include "model/aten.h"

namespace tandem {
namespace {

int processor_count() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Mirrors a number that LibTorch keeps for the process; 0 until someone chose one.
std::atomic<int> chosen_count{0};

}  // namespace

void set_compute_threads(int count) {
  if (count < 0)
    throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is not a number of threads", count),
                "give 0 for one thread per processor, or the number to use");
  chosen_count = count == 0 ? processor_count() : count;
  at::set_num_threads(chosen_count);
}

int compute_threads() {
  const int count = chosen_count;
  return count == 0 ? processor_count() : count;
}

void apply_compute_threads() {
  // OpenMP's count belongs to the calling thread, so a new thread starts with the default and one
  // that ran a FAISS search may be left with 1. at::set_num_threads would do as well, but it also
  // throws away the matrix kernels that oneDNN has compiled so far.
  omp_set_num_threads(compute_threads());
}

}  // namespace tandem
