// Releases of a running server, by its HTTP API.
#ifndef TANDEM_CLI_RELEASE_CLIENT_H_
#define TANDEM_CLI_RELEASE_CLIENT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "server/releases.h"

namespace tandem {

// Used by one thread. All methods throw Error: kUnavailable where the server cannot be reached, and
// with the server's words where it refuses.
class ReleaseClient {
 public:
  // Such as "http://127.0.0.1:8080". The API key, where one is needed, is in TANDEM_API_KEY: an
  // argument could be read by everybody on the machine.
  explicit ReleaseClient(std::string url) : url_(std::move(url)) {}

  // As GET /v1/releases gives it.
  nlohmann::json list();
  // Returns the name of the release when it is ready and, if that was asked for, live.
  std::string create(const ReleaseModels& models, bool promote, const ReleaseReport& report);
  void promote(const std::string& name);
  // Returns the name of what is live then.
  std::string rollback();
  void remove(const std::string& name);

 private:
  nlohmann::json request(const std::string& method, const std::string& path,
                         const nlohmann::json& body = nullptr);

  const std::string url_;
};

}  // namespace tandem

#endif  // TANDEM_CLI_RELEASE_CLIENT_H_
