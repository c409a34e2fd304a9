// Runs a converter program with limits on time, memory and output.
//
// Converters read hostile documents, so each one runs in a process of its own: it gets its input on
// standard input, no shell, an empty environment but for PATH and a UTF-8 locale, and is killed
// with its process group when a limit is passed.
#ifndef TANDEM_BASE_SUBPROCESS_H_
#define TANDEM_BASE_SUBPROCESS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

struct SubprocessLimits {
  int timeout_ms = 60'000;
  std::uint64_t memory_bytes = 2ull << 30;    // address space of the child
  std::uint64_t output_bytes = 256ull << 20;  // standard output; more is kTooLarge
};

struct SubprocessResult {
  int exit_code = 0;  // 128 + signal number where a signal ended the child
  std::string output;
  std::string error_output;  // at most its first 64 KiB
};

// Runs `arguments` (the program first, looked up in PATH) with `input` on its standard input.
// Throws Error: kNotFound if the program is not installed, kTimeout, kTooLarge. A non-zero exit
// code is a result, not an error. Safe to call from any thread.
SubprocessResult run_subprocess(const std::vector<std::string>& arguments, std::string_view input,
                                const SubprocessLimits& limits = {});

}  // namespace tandem

#endif  // TANDEM_BASE_SUBPROCESS_H_
