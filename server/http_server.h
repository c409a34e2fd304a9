// The HTTP layer: connections, limits, routing, errors and request ids around cpp-httplib.
//
// httplib parses requests and matches routes. What it lacks is added here: a bounded queue, limits
// on every body, idle connections that give way, a stop that lets requests in flight end, errors in
// one shape, 405, and protection against other web sites (see check_origin).
#ifndef TANDEM_SERVER_HTTP_SERVER_H_
#define TANDEM_SERVER_HTTP_SERVER_H_

#include <httplib.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "server/connection.h"
#include "server/exchange.h"
#include "server/http_error.h"
#include "server/metrics.h"

namespace tandem {

struct HttpServerOptions {
  std::string host;
  int port = 0;
  int worker_threads = 16;  // requests worked on at once
  int max_waiting = 64;     // connections waiting for a worker; more are refused with 429
  ConnectionLimits limits;
  std::optional<TlsFiles> tls;
  // Asked about each request to a route before its body is read; null: everybody may do everything.
  // Called from several threads at once.
  std::function<Admission(const httplib::Request&, const RouteAccess&)> admit;
  // Told of each request that was answered, with its status, if not null; as above.
  std::function<void(const Exchange&, int)> answered;
};

class HttpServer : private httplib::Server {
 public:
  using RouteHandler = std::function<void(Exchange&)>;

  // Binds. Throws kUnavailable naming host and port. `metrics` must outlive the server.
  HttpServer(const HttpServerOptions& options, Metrics& metrics);
  ~HttpServer() override;

  // `path` is a pattern such as "/v1/documents/{id}", where {id} takes the rest of the path.
  // Handlers are called from several threads at once; what they throw becomes the response. Before
  // run().
  void add_route(const std::string& method, const std::string& path, const RouteAccess& access,
                 RouteHandler handler);

  // Method and pattern of each, in the order in which they were added.
  std::vector<std::string> routes() const;

  int port() const { return port_; }
  void run();
  // Safe from any thread, at any time, more than once.
  void stop();

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::regex regex;
    RouteAccess access;
  };

  bool process_and_close_socket(socket_t socket) override;
  void serve(Connection& connection);
  bool serve_request(Connection& connection);
  void refuse(socket_t socket);

  void install_hooks();
  HandlerResponse before_routing(const httplib::Request& request, httplib::Response& response);
  void call(const std::string& pattern, const RouteHandler& handler,
            const httplib::Request& request, httplib::Response& response);
  void finish_headers(const httplib::Request& request, httplib::Response& response);
  Admission admit(const httplib::Request& request) const;
  std::optional<HttpError> find_fault(const httplib::Request& request) const;
  HttpError fault_of_status(const httplib::Request& request, httplib::Response& response,
                            const Exchange* exchange) const;
  void send_error(httplib::Response& response, const HttpError& error) const;
  Exchange* exchange_of(const httplib::Request& request) const;

  const HttpServerOptions options_;
  const std::unique_ptr<TlsContext> tls_;  // null without TLS
  Metrics& metrics_;
  int port_ = 0;
  socket_t listener_ = INVALID_SOCKET;  // a duplicate, so that stop() never meets a closed one
  std::atomic<bool> stopping_ = false;
  std::atomic<int> waiting_ = 0;  // connections without a worker
  std::atomic<int> serving_ = 0;  // those with one
  std::atomic<std::thread::id> accepting_thread_;
  std::vector<Route> routes_;
  // httplib hands handlers a const Request and nothing of ours: its address leads to the exchange.
  mutable std::mutex exchanges_mutex_;
  std::unordered_map<const httplib::Request*, Exchange*> exchanges_;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_HTTP_SERVER_H_
