#include "base/error.h"

#include <utility>

namespace tandem {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kAlreadyExists:
      return "already exists";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kCorrupt:
      return "corrupt data";
    case ErrorCode::kTooLarge:
      return "too large";
    case ErrorCode::kResourceExhausted:
      return "resource exhausted";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timed out";
    case ErrorCode::kInternal:
      return "internal error";
  }
  return "unknown error";
}

Error::Error(ErrorCode code, std::string message, std::string advice)
    : code_(code),
      message_(std::move(message)),
      advice_(std::move(advice)),
      what_(advice_.empty() ? message_ : message_ + "; " + advice_) {}

namespace detail {

void check_failed(const char* condition, const char* file, int line) {
  throw Error(ErrorCode::kInternal,
              std::string("internal check failed: ") + condition + " at " + file + ":" +
                  std::to_string(line),
              "this is a bug in Tandem; please report it with the steps that led here");
}

}  // namespace detail
}  // namespace tandem
