#include "model/threads.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/error.h"

namespace tandem {
namespace {

int processor_count() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::atomic<int> chosen_count{0};  // 0 until someone chose one
std::atomic<int (*)()> followed = nullptr;

}  // namespace

void set_compute_threads(int count) {
  if (count < 0)
    throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is not a number of threads", count),
                "give 0 for one thread per processor, or the number to use");
  chosen_count = count == 0 ? processor_count() : count;
}

int compute_threads() {
  if (int (*const count)() = followed) return count();
  const int count = chosen_count;
  return count == 0 ? processor_count() : count;
}

void follow_compute_threads(int (*count)()) {
  followed = count;
}

}  // namespace tandem
