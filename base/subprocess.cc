#include "base/subprocess.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/thread_priority.h"

namespace tandem {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kErrorOutputBytes = 64 << 10;
constexpr int kLongestPauseMs = 50;  // between looks whether a child has ended

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      throw Error(ErrorCode::kResourceExhausted,
                  std::string("cannot create a pipe: ") + std::strerror(errno),
                  "raise the limit on open files");
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { close_end(0); }
  void close_write() { close_end(1); }

 private:
  void close_end(std::size_t i) {
    if (ends_[i] >= 0) ::close(std::exchange(ends_[i], -1));
  }
  std::array<int, 2> ends_{-1, -1};
};

// Kills and reaps the child with its whole process group.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) reap();
  }

  // Whether the child has ended. It is left unreaped, so that its id still names its group.
  bool has_ended() const {
    siginfo_t information{};
    const int result =
        ::waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED | WNOHANG | WNOWAIT);
    // It fails where the process ignores SIGCHLD and the kernel reaps for it.
    return result != 0 ? errno != EINTR : information.si_pid == pid_;
  }

  // Exit code, or 128 + signal. What the child left running in its group ends with it.
  int reap() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
};

// Runs between fork and exec, where only async-signal-safe calls are allowed.
[[noreturn]] void exec_child(char* const* arguments, char* const* environment, int input,
                             int output, int error, int exec_status, std::uint64_t memory_bytes,
                             int timeout_ms) {
  ::setpgid(0, 0);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(error, STDERR_FILENO);
  const rlimit memory{memory_bytes, memory_bytes};
  ::setrlimit(RLIMIT_AS, &memory);
  const rlimit core{0, 0};
  ::setrlimit(RLIMIT_CORE, &core);
  // A second guard beside the parent's clock: processor seconds, should the parent die.
  const auto seconds = static_cast<rlim_t>(timeout_ms) / 1000 + 1;
  const rlimit cpu{seconds, seconds + 1};
  ::setrlimit(RLIMIT_CPU, &cpu);
  ::execvpe(arguments[0], arguments, environment);
  const int failure = errno;
  [[maybe_unused]] const ssize_t written = ::write(exec_status, &failure, sizeof failure);
  ::_exit(127);
}

// Keeps SIGPIPE from ending this process while it writes to a child that may have stopped reading.
class SigpipeBlocked {
 public:
  SigpipeBlocked() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &previous_);
  }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;
  ~SigpipeBlocked() {
    const timespec now{};
    if (sigismember(&previous_, SIGPIPE) == 0) ::sigtimedwait(&sigpipe_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
  }

 private:
  sigset_t sigpipe_{};
  sigset_t previous_{};
};

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Appends what is readable to `out`; false at the end of the stream.
bool drain(int fd, std::string& out, std::uint64_t limit_bytes) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  const std::uint64_t room = limit_bytes > out.size() ? limit_bytes - out.size() : 0;
  out.append(buffer.data(), std::min<std::uint64_t>(static_cast<std::uint64_t>(count), room));
  return true;
}

// As exec wants them; borrows the strings.
std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Not fork(): it runs the handlers that libraries registered, and OpenBLAS's waits for its threads
// to end, which they sometimes never do (seen: indexing stood still). The child calls nothing that
// such handlers would have to prepare.
pid_t fork_for(const std::string& program) {
  const pid_t pid = ::_Fork();
  if (pid >= 0) return pid;
  throw Error(ErrorCode::kResourceExhausted,
              "cannot start " + program + ": " + std::strerror(errno),
              "raise the limit on processes or free some memory");
}

// Returns when the child has become the program; throws if it could not.
void await_exec(Pipe& exec_status, const std::string& program) {
  exec_status.close_write();
  int exec_error = 0;
  if (::read(exec_status.read_end(), &exec_error, sizeof exec_error) != sizeof exec_error) return;
  throw Error(ErrorCode::kNotFound, "cannot run " + program + ": " + std::strerror(exec_error),
              "install the program that provides it");
}

// Runs between fork and exec, as exec_child. `parent` is who must not die before it.
[[noreturn]] void exec_background(char* const* arguments, char* const* environment,
                                  const char* folder, const char* log, int niceness, pid_t parent,
                                  int exec_status) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  lower_thread_priority(niceness);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = ::open("/dev/null", O_RDONLY);
  const int output = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (input >= 0 && output >= 0 && ::chdir(folder) == 0) {
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    // Connections of clients, above all: they would stay open for as long as it runs.
    ::close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    ::execvpe(arguments[0], arguments, environment);
  }
  const int failure = errno;
  [[maybe_unused]] const ssize_t written = ::write(exec_status, &failure, sizeof failure);
  ::_exit(127);
}

}  // namespace

SubprocessResult run_subprocess(const std::vector<std::string>& arguments, std::string_view input,
                                const SubprocessLimits& limits) {
  TANDEM_CHECK(!arguments.empty());
  std::vector<char*> argv = pointers_to(arguments);
  const char* path = std::getenv("PATH");
  std::string path_entry = std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin");
  std::string locale_entry = "LC_ALL=C.UTF-8";
  std::array<char*, 3> environment{path_entry.data(), locale_entry.data(), nullptr};

  Pipe to_child, from_child, errors, exec_status;
  const pid_t pid = fork_for(arguments[0]);
  if (pid == 0) {
    exec_child(argv.data(), environment.data(), to_child.read_end(), from_child.write_end(),
               errors.write_end(), exec_status.write_end(), limits.memory_bytes, limits.timeout_ms);
  }
  Child child(pid);
  ::setpgid(pid, pid);  // both sides do it: whichever runs first wins the race
  to_child.close_read();
  from_child.close_write();
  errors.close_write();
  await_exec(exec_status, arguments[0]);

  const SigpipeBlocked sigpipe_blocked;
  set_nonblocking(to_child.write_end());
  set_nonblocking(from_child.read_end());
  set_nonblocking(errors.read_end());
  SubprocessResult result;
  const auto deadline = Clock::now() + std::chrono::milliseconds(limits.timeout_ms);
  // One byte more than allowed is kept, to tell that there was more.
  const std::uint64_t output_limit = std::max(limits.output_bytes, limits.output_bytes + 1);
  bool output_open = true;
  bool errors_open = true;
  if (input.empty()) to_child.close_write();
  const auto time_left_ms = [&] {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      throw Error(ErrorCode::kTimeout,
                  arguments[0] + " took longer than " + std::to_string(limits.timeout_ms) + " ms",
                  "the document may be damaged or hostile; simplify it or raise the limit");
    }
    return static_cast<int>(left);
  };
  while (output_open || errors_open) {
    const int left_ms = time_left_ms();
    std::array<pollfd, 3> waits{
        pollfd{output_open ? from_child.read_end() : -1, POLLIN, 0},
        pollfd{errors_open ? errors.read_end() : -1, POLLIN, 0},
        pollfd{to_child.write_end(), POLLOUT, 0},  // -1, and so ignored, once closed
    };
    ::poll(waits.data(), waits.size(), left_ms);
    if (waits[0].revents != 0) {
      output_open = drain(from_child.read_end(), result.output, output_limit);
    }
    if (waits[1].revents != 0) {
      errors_open = drain(errors.read_end(), result.error_output, kErrorOutputBytes);
    }
    if (result.output.size() > limits.output_bytes) {
      throw Error(
          ErrorCode::kTooLarge,
          arguments[0] + " wrote more than " + std::to_string(limits.output_bytes) + " bytes",
          "split the document");
    }
    if (waits[2].revents != 0) {
      // A child that stops reading its input early is not an error.
      const ssize_t count = ::write(to_child.write_end(), input.data(), input.size());
      if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
      if (input.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) to_child.close_write();
    }
  }
  // A program may close its output long before it ends.
  for (int pause_ms = 1; !child.has_ended(); pause_ms = std::min(2 * pause_ms, kLongestPauseMs)) {
    ::poll(nullptr, 0, std::min(pause_ms, time_left_ms()));
  }
  result.exit_code = child.reap();
  return result;
}

class BackgroundProcess::Running : public Child {
  using Child::Child;
};

BackgroundProcess::BackgroundProcess(const BackgroundCommand& command) {
  TANDEM_CHECK(!command.arguments.empty());
  std::vector<char*> argv = pointers_to(command.arguments);
  std::vector<char*> environment = pointers_to(command.environment);
  environment.pop_back();
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  const pid_t parent = ::getpid();
  Pipe exec_status;
  const pid_t pid = fork_for(command.arguments[0]);
  if (pid == 0) {
    exec_background(argv.data(), environment.data(), command.folder.c_str(), command.log.c_str(),
                    command.niceness, parent, exec_status.write_end());
  }
  running_ = std::make_unique<Running>(pid);
  ::setpgid(pid, pid);
  await_exec(exec_status, command.arguments[0]);
}

BackgroundProcess::~BackgroundProcess() = default;

std::optional<int> BackgroundProcess::wait(int timeout_ms) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!running_->has_ended()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return std::nullopt;
    ::poll(nullptr, 0, std::min(static_cast<int>(left), kLongestPauseMs));
  }
  return running_->reap();
}

}  // namespace tandem
