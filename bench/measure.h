// How a benchmark program talks to bench/compare.py, which alternates it with its peer.
//
//   in   one line a measurement; its content is ignored
//   out  one line each: a JSON object of figures, {"decode, tokens/s": 61.2}
// The program starts up before the first line, so that loading is not measured unless it is a
// figure.
#ifndef TANDEM_BENCH_MEASURE_H_
#define TANDEM_BENCH_MEASURE_H_

#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace tandem::bench {

using Figures = std::map<std::string, double>;

// Answers each line of standard input with what `measure` returns, until the input ends.
inline void answer_measurements(const std::function<Figures()>& measure) {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << nlohmann::json(measure()).dump() << std::endl;
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace tandem::bench

#endif  // TANDEM_BENCH_MEASURE_H_
