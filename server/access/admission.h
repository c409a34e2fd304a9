// What is decided of a request once its headers are read.
#ifndef TANDEM_SERVER_ACCESS_ADMISSION_H_
#define TANDEM_SERVER_ACCESS_ADMISSION_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/access/caller.h"
#include "server/http_error.h"

namespace tandem {

struct Admission {
  std::optional<HttpError> fault;  // with which it is answered, instead of by its route
  Caller caller;
  Scope needed = Scope::kNone;  // by the route
  // Of the response, also of the fault's.
  std::vector<std::pair<std::string, std::string>> headers;
  // Kept until the response has been sent: so long the request counts as going on.
  std::shared_ptr<void> ticket;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_ACCESS_ADMISSION_H_
