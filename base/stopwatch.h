// How long something takes, by a clock that nobody sets.
#ifndef TANDEM_BASE_STOPWATCH_H_
#define TANDEM_BASE_STOPWATCH_H_

#include <chrono>

namespace tandem {

// Runs from its making on.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace tandem

#endif  // TANDEM_BASE_STOPWATCH_H_
