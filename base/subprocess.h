// Programs that run in processes of their own: converters, with limits on time, memory and output,
// and work of hours that a server has done beside it.
//
// Converters read hostile documents: such a program gets its input on standard input, no shell, an
// empty environment but for PATH and a UTF-8 locale, and is killed with its process group when a
// limit is passed.
#ifndef TANDEM_BASE_SUBPROCESS_H_
#define TANDEM_BASE_SUBPROCESS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
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

struct BackgroundCommand {
  std::vector<std::string> arguments;         // the program first, looked up in PATH
  std::vector<std::string> environment = {};  // "NAME=value", beside that of this process
  std::filesystem::path folder;               // which it runs in
  std::filesystem::path log;  // what it says is appended to; made where it is missing
  int niceness = 0;           // see nice(2); above 0: others go first
};

// A process without limits, that ends when the thread that started it does, or when this process
// does, however that comes about. Used by that one thread.
class BackgroundProcess {
 public:
  // Throws kNotFound if the program, the folder or the log cannot be opened.
  explicit BackgroundProcess(const BackgroundCommand& command);
  ~BackgroundProcess();  // kills it, with what it started
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;

  // Waits for its end, for at most so long. Its exit code, or 128 + the number of the signal that
  // ended it; nullopt while it runs. Not to be called again once it has ended.
  std::optional<int> wait(int timeout_ms);

 private:
  class Running;
  std::unique_ptr<Running> running_;
};

}  // namespace tandem

#endif  // TANDEM_BASE_SUBPROCESS_H_
