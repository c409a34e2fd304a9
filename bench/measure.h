// How a benchmark program talks to bench/compare.py, which alternates it with its peer.
//
//   in   one line a measurement; its content is ignored
//   out  one line each: a JSON object of figures, {"decode, tokens/s": 61.2}; of a program that is
//        its own peer, {"tandem": figures, "peer": figures}
// The program starts up before the first line, so that loading is not measured unless it is a
// figure.
#ifndef TANDEM_BENCH_MEASURE_H_
#define TANDEM_BENCH_MEASURE_H_

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/stopwatch.h"

namespace tandem::bench {

using Figures = std::map<std::string, double>;

// Answers each line of standard input with what `measure` returns, until the input ends.
inline void answer_measurements(const std::function<Figures()>& measure) {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << nlohmann::json(measure()).dump() << std::endl;
}

// The same way of doing it with and without something, in turns and in one process: two processes
// that do the same differ by several per cent, for as long as they live, by where their memory
// lies.
struct FiguresOfBoth {
  Figures tandem, peer;
};

inline void answer_measurements_of_both(const std::function<FiguresOfBoth()>& measure) {
  std::string line;
  while (std::getline(std::cin, line)) {
    const FiguresOfBoth both = measure();
    std::cout << nlohmann::json({{"tandem", both.tandem}, {"peer", both.peer}}).dump() << std::endl;
  }
}

using tandem::Stopwatch;

inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace tandem::bench

#endif  // TANDEM_BENCH_MEASURE_H_
