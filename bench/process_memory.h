// What the system says of the memory of this process.
#ifndef TANDEM_BENCH_PROCESS_MEMORY_H_
#define TANDEM_BENCH_PROCESS_MEMORY_H_

#include <fstream>
#include <string>

#include "base/error.h"

namespace tandem::bench {

// A line of /proc/self/status, such as "VmRSS", in MiB.
inline double mebibytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) / 1024;
  }
  throw Error(ErrorCode::kInternal, "/proc/self/status has no " + field);
}

}  // namespace tandem::bench

#endif  // TANDEM_BENCH_PROCESS_MEMORY_H_
