// The HTTP server: an OpenAI-compatible API, a few routes of its own, the page and the metrics.
#ifndef TANDEM_SERVER_SERVER_H_
#define TANDEM_SERVER_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/access/caller.h"
#include "server/engine.h"
#include "server/tls.h"

namespace tandem {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any free one
  // Requests worked on at once: many, since most of them are streams that wait for their next
  // token.
  int worker_threads = 256;
  int max_waiting = 256;  // connections beyond them; more are refused with 429
  std::uint64_t max_body_bytes = 64ull << 20;
  std::optional<TlsFiles> tls;
  // What requests without an API key may do. Nothing: everything while the store has no key and
  // `host` is a loopback address, and nothing otherwise.
  std::optional<Scope> anonymous;
  // How many answers are kept for traces and feedback, at most; 0: none.
  std::size_t keep_answers = 10'000;
};

class Server {
 public:
  // Binds the port. Throws kUnavailable, naming host and port, if it is taken, kInvalidArgument
  // where nobody could do anything, and as read_api_keys() and
  // TlsContext.
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
