// From an exception to a status and a body in the shape that OpenAI's clients understand:
//   {"error": {"message": string, "type": string, "param": string|null, "code": string|null}}
// The only place where an ErrorCode becomes a status. Pure; safe from any thread.
#ifndef TANDEM_SERVER_HTTP_ERROR_H_
#define TANDEM_SERVER_HTTP_ERROR_H_

#include <exception>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tandem {

// An Error that knows the field at fault, a word for programs ("model_not_found") and, where its
// ErrorCode alone would not give it, the status.
class RequestError : public Error {
 public:
  RequestError(int status, std::string message, std::string param = {}, std::string code = {})
      : Error(ErrorCode::kInvalidArgument, std::move(message)),
        status_(status),
        param_(std::move(param)),
        code_(std::move(code)) {}

  int status() const { return status_; }
  const std::string& param() const { return param_; }
  const std::string& code_word() const { return code_; }

 private:
  int status_;
  std::string param_;
  std::string code_;
};

struct HttpError {
  int status = 500;
  std::string message;
  std::string param;  // empty: null
  std::string code;   // empty: null
};

int status_of(ErrorCode code);

// What the client is told. Faults of ours and of the machine are logged here, with `request_id`,
// and told without their details.
HttpError to_http_error(std::exception_ptr exception, std::string_view request_id);

// For errors of the HTTP layer itself, such as 404 for a path that is no route.
HttpError http_error(int status, std::string message, std::string code = {});

// The JSON body; always valid UTF-8.
std::string error_body(const HttpError& error);

}  // namespace tandem

#endif  // TANDEM_SERVER_HTTP_ERROR_H_
