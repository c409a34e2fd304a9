// The HTTP server: an OpenAI-compatible API, a few routes of its own, the page and the metrics.
#ifndef TANDEM_SERVER_SERVER_H_
#define TANDEM_SERVER_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/engine.h"

namespace tandem {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any free one
  int worker_threads = 16;
  std::uint64_t max_body_bytes = 64ull << 20;
  // Whether releases may be changed by HTTP also where `host` is not a loopback address.
  bool admin = false;
  // How many answers are kept for traces and feedback, at most; 0: none.
  std::size_t keep_answers = 10'000;
};

class Server {
 public:
  // Binds the port. Throws kUnavailable, naming host and port, if it is taken.
  static std::unique_ptr<Server> start(Engine& engine, const ServerOptions& options);
  virtual ~Server() = default;

  virtual int port() const = 0;
  // Method and pattern of each route, such as "GET /v1/documents/{id}".
  virtual std::vector<std::string> routes() const = 0;
  // Serves until stop(); returns when every request in flight has ended.
  virtual void run() = 0;
  // Takes no new connection from now on. Safe from any thread, more than once.
  virtual void stop() = 0;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_SERVER_H_
