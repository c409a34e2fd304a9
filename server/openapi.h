// The description of the HTTP API, in OpenAPI 3.1: what clients are generated from and tested by.
#ifndef TANDEM_SERVER_OPENAPI_H_
#define TANDEM_SERVER_OPENAPI_H_

#include <nlohmann/json.hpp>

namespace tandem {

// The files of openapi/, which are part of the program, as one document with the program's version.
// Safe from any thread.
nlohmann::ordered_json openapi_document();

}  // namespace tandem

#endif  // TANDEM_SERVER_OPENAPI_H_
