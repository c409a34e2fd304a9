// What a call throws, as a value to compare.
#ifndef TANDEM_TESTS_SUPPORT_ERRORS_H_
#define TANDEM_TESTS_SUPPORT_ERRORS_H_

#include <optional>

#include "base/error.h"

namespace tandem::testing {

// Nullopt if nothing is thrown; other exceptions pass through.
template <typename Call>
std::optional<Error> error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

template <typename Call>
std::optional<ErrorCode> error_code_of(const Call& call) {
  const auto error = error_of(call);
  return error ? std::optional(error->code()) : std::nullopt;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_ERRORS_H_
