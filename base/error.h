// The one exception type of Tandem.
//
// An Error is thrown where a request or a command must end. It is caught in exactly two places: the
// HTTP layer maps its code to a status (server/http_error.h) and the command line to an exit code
// (cli/main.cc). Outcomes that callers expect (not found, end of stream) are return values.
#ifndef TANDEM_BASE_ERROR_H_
#define TANDEM_BASE_ERROR_H_

#include <exception>
#include <string>
#include <string_view>

namespace tandem {

enum class ErrorCode {
  kInvalidArgument,    // the caller asked for something that makes no sense
  kNotFound,           // the named thing does not exist
  kAlreadyExists,      // the named thing exists and may not be replaced
  kUnsupported,        // valid, but not something this build or version can do
  kCorrupt,            // a file or record does not hold what its format promises
  kTooLarge,           // over a limit on size, tokens or nesting
  kResourceExhausted,  // disk, memory or queue is full
  kUnavailable,        // in use elsewhere or shutting down; trying again may work
  kTimeout,            // took longer than its limit
  kInternal,           // a bug of ours or a fault of a library
};

// Lower-case words for logs and messages, such as "not found".
std::string_view to_string(ErrorCode code);

class Error : public std::exception {
 public:
  // `message` says what happened and names the thing. `advice` says what the user can do about it;
  // it may be empty.
  Error(ErrorCode code, std::string message, std::string advice = {});

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& advice() const { return advice_; }

  // "message" or "message; advice".
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
  std::string advice_;
  std::string what_;
};

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace detail

}  // namespace tandem

// States an invariant of our own code. A failure is a bug of Tandem, never of its user, and is
// reported as ErrorCode::kInternal so that a server survives it.
#define TANDEM_CHECK(condition)                                       \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::tandem::detail::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#endif  // TANDEM_BASE_ERROR_H_
