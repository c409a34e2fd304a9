#include "server/http_server.h"

#include <fmt/format.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"
#include "server/origin.h"

namespace tandem {
namespace {

constexpr std::size_t kMaxPathBytes = 1024;  // libstdc++'s regex recurses once for each character
constexpr int kListenBacklog = 1024;
// A connection that has sent nothing yet (browsers open some in advance) keeps its worker for this
// long when others wait for one.
constexpr int kSilentConnectionMs = 500;

std::string make_request_id() {
  std::random_device source;
  return fmt::format("req_{:08x}{:08x}{:08x}", source(), source(), source());
}

bool is_sane_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
}

// "/v1/documents/{id}" → the expression that httplib matches whole paths with.
std::string expression_of(const std::string& pattern) {
  std::string expression;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') {
      expression += "(.+)";
      i = pattern.find('}', i);
    } else {
      if (pattern[i] == '.') expression += '\\';
      expression += pattern[i];
    }
  }
  return expression;
}

// httplib's pool, with a count of those who wait. Past the limit the connection is handled on the
// accepting thread, where it is refused at once.
class WorkerPool : public httplib::ThreadPool {
 public:
  WorkerPool(int threads, int max_waiting, std::atomic<int>& waiting, std::atomic<int>& serving,
             Metrics& metrics)
      : ThreadPool(static_cast<std::size_t>(threads)),
        max_waiting_(max_waiting),
        waiting_(waiting),
        serving_(serving),
        metrics_(metrics) {}

  void enqueue(std::function<void()> task) override {
    if (waiting_ >= max_waiting_) return task();
    ++waiting_;
    metrics_.count_waiting(1);
    ThreadPool::enqueue([this, task = std::move(task)] {
      ++serving_;
      --waiting_;
      metrics_.count_waiting(-1);
      task();
      --serving_;
    });
  }

 private:
  const int max_waiting_;
  std::atomic<int>& waiting_;
  std::atomic<int>& serving_;
  Metrics& metrics_;
};

// A method comes from the client, whatever it is: only those that routes have are counted and
// logged as they are.
std::string_view known_method(std::string_view method) {
  const bool known = method == "GET" || method == "POST" || method == "DELETE" || method == "HEAD";
  return known ? method : "other";
}

// Programs that collect JSON count and filter requests by these lines; on a terminal they would
// bury what matters. The path stays out, since it may hold what users call their documents.
void log_request(std::string_view method, std::string_view route, int status, double seconds,
                 std::uint64_t bytes) {
  const std::array<LogField, 5> fields = {{{"method", method},
                                           {"route", route},
                                           {"status", std::int64_t{status}},
                                           {"seconds", seconds},
                                           {"bytes", static_cast<std::int64_t>(bytes)}}};
  log(log_format() == LogFormat::kJson ? LogLevel::kInfo : LogLevel::kDebug,
      fmt::format("{} {} {} {:.3f} s", method, route, status, seconds), fields);
}

bool has_body(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") &&
          request.get_header_value("Content-Length") != "0");
}

}  // namespace

HttpServer::HttpServer(const HttpServerOptions& options, Metrics& metrics)
    : options_(options),
      tls_(options.tls ? std::make_unique<TlsContext>(*options.tls) : nullptr),
      metrics_(metrics) {
  // httplib's default sets SO_REUSEPORT, with which a second server would bind the same port and
  // take half of the connections.
  set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  set_tcp_nodelay(true);
  set_payload_max_length(options.limits.max_body_bytes);
  new_task_queue = [this] {
    return new WorkerPool(options_.worker_threads, options_.max_waiting, waiting_, serving_,
                          metrics_);
  };
  port_ = options.port == 0 ? bind_to_any_port(options.host)
                            : (bind_to_port(options.host, options.port) ? options.port : -1);
  if (port_ <= 0) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("cannot listen on {}:{}: the port is in use or the address is not one of "
                    "this machine",
                    options.host, options.port),
        "choose another --port (0: any free one) or --host");
  }
  ::listen(svr_sock_, kListenBacklog);  // httplib asked for 5
  listener_ = ::dup(svr_sock_);
  install_hooks();
}

HttpServer::~HttpServer() {
  ::close(listener_);
}

void HttpServer::add_route(const std::string& method, const std::string& path,
                           const RouteAccess& access, RouteHandler handler) {
  const std::string expression = expression_of(path);
  routes_.push_back({method, path, std::regex(expression), access});
  Handler wrapped = [this, path, handler = std::move(handler)](const httplib::Request& request,
                                                               httplib::Response& response) {
    call(path, handler, request, response);
  };
  if (method == "GET") {
    Get(expression, std::move(wrapped));
  } else if (method == "POST") {
    Post(expression, std::move(wrapped));
  } else {
    TANDEM_CHECK(method == "DELETE");
    Delete(expression, std::move(wrapped));
  }
}

std::vector<std::string> HttpServer::routes() const {
  std::vector<std::string> names;
  for (const Route& route : routes_) names.push_back(route.method + " " + route.pattern);
  return names;
}

void HttpServer::run() {
  accepting_thread_ = std::this_thread::get_id();
  listen_after_bind();
  if (!stopping_) {
    throw Error(ErrorCode::kInternal, "the listening socket failed",
                "the machine may be short of memory or file descriptors; start again");
  }
}

void HttpServer::stop() {
  if (stopping_.exchange(true)) return;
  // Not httplib's stop(): that makes streams in flight end in the middle. This refuses new
  // connections and ends accept(); the pool is then joined, which lets requests in flight end.
  ::shutdown(listener_, SHUT_RDWR);
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  if (std::this_thread::get_id() == accepting_thread_.load()) {
    refuse(socket);
    return false;
  }
  Connection connection(socket, options_.limits, tls_.get());
  try {
    if (connection.handshake()) serve(connection);
  } catch (const std::exception& error) {
    // Of a response that had begun; nothing more can be told to the client.
    log_error("a connection ended by an error: {}", error.what());
    return false;
  }
  return true;
}

void HttpServer::refuse(socket_t socket) {
  metrics_.count_rejected_connection();
  const std::string body =
      error_body(http_error(429, "The server is busy; try again in a moment.", "overloaded"));
  const std::string response = fmt::format(
      "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Retry-After: 1\r\nConnection: close\r\nx-request-id: {}\r\n\r\n{}",
      body.size(), make_request_id(), body);
  std::array<char, 16'384> ignored;
  while (::recv(socket, ignored.data(), ignored.size(), MSG_DONTWAIT) > 0) {
  }
  // To a client of TLS this would be noise: it is only turned away.
  if (!tls_) ::send(socket, response.data(), response.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
}

void HttpServer::serve(Connection& connection) {
  bool served_one = false;
  const auto give_up = [&](int idle_ms) {
    // Not where a worker is free, though others wait for it to wake up: a client may be sending its
    // next request at this moment.
    const bool is_wanted = waiting_ > 0 && serving_ >= options_.worker_threads;
    return stopping_ || (is_wanted && (served_one || idle_ms > kSilentConnectionMs));
  };
  while (connection.wait_for_request(give_up)) {
    if (!serve_request(connection) || stopping_) break;
    served_one = true;
  }
}

// False if the connection must be closed now.
bool HttpServer::serve_request(Connection& connection) {
  connection.begin_request();
  Exchange exchange(connection, make_request_id());
  const LogRequest log_lines(exchange.id());
  const httplib::Request* key = nullptr;
  const auto setup = [&](httplib::Request& request) {
    connection.begin_body();
    // Neither partial nor compressed responses: none is large, and both make httplib rewrite them.
    request.ranges.clear();
    request.headers.erase("Accept-Encoding");
    exchange.request_ = key = &request;
    const std::string client_id = request.get_header_value("X-Request-Id");
    if (is_sane_request_id(client_id)) exchange.id_ = client_id;
    exchange.admission_ = admit(request);
    const std::lock_guard lock(exchanges_mutex_);
    exchanges_[key] = &exchange;
  };
  const auto forget = [&] {
    const std::lock_guard lock(exchanges_mutex_);
    exchanges_.erase(key);
  };
  bool written = false;
  bool client_closes = false;
  try {
    written = process_request(connection, stopping_, client_closes, setup);
  } catch (...) {
    forget();
    throw;
  }
  forget();
  // Not even the request line or the headers could be read: there is no telling where the next
  // request would begin.
  if (key == nullptr) connection.close_after_response();
  return written && !client_closes && !connection.closes_after_response();
}

Exchange* HttpServer::exchange_of(const httplib::Request& request) const {
  const std::lock_guard lock(exchanges_mutex_);
  const auto it = exchanges_.find(&request);
  return it == exchanges_.end() ? nullptr : it->second;
}

void HttpServer::install_hooks() {
  using httplib::Request;
  using httplib::Response;
  set_pre_routing_handler([this](const Request& request, Response& response) {
    return before_routing(request, response);
  });
  set_expect_100_continue_handler([this](const Request& request, Response& response) {
    return before_routing(request, response) == HandlerResponse::Handled ? response.status : 100;
  });
  set_exception_handler(
      [this](const Request& request, Response& response, std::exception_ptr fault) {
        const Exchange* exchange = exchange_of(request);
        if (exchange != nullptr) exchange->connection().close_after_response();
        send_error(response,
                   to_http_error(std::move(fault), exchange != nullptr ? exchange->id() : ""));
      });
  // For statuses of httplib's own, which come without a body.
  set_error_handler(HandlerWithResponse([this](const Request& request, Response& response) {
    const Exchange* exchange = exchange_of(request);
    if (response.body.empty() && (exchange == nullptr || exchange->sent_status() == 0)) {
      send_error(response, fault_of_status(request, response, exchange));
      // The rest of the request may be unread.
      if (exchange != nullptr) exchange->connection().close_after_response();
    }
    return HandlerResponse::Unhandled;
  }));
  set_post_routing_handler(
      [this](const Request& request, Response& response) { finish_headers(request, response); });
  set_logger([this](const Request& request, const Response& response) {
    const Exchange* exchange = exchange_of(request);
    const int sent = exchange != nullptr ? exchange->sent_status() : 0;
    const int status = sent != 0 ? sent : response.status;
    const std::string route =
        exchange != nullptr && !exchange->route().empty() ? exchange->route() : "other";
    const double seconds =
        exchange != nullptr
            ? std::chrono::duration<double>(Exchange::Clock::now() - exchange->start()).count()
            : 0;
    const std::string_view method = known_method(request.method);
    metrics_.count_request(method, route, status, seconds);
    log_request(method, route, status, seconds,
                exchange != nullptr ? exchange->connection().sent_bytes() : 0);
    if (exchange != nullptr && options_.answered) options_.answered(*exchange, status);
  });
}

HttpServer::HandlerResponse HttpServer::before_routing(const httplib::Request& request,
                                                       httplib::Response& response) {
  Exchange* exchange = exchange_of(request);
  TANDEM_CHECK(exchange != nullptr);
  exchange->response_ = &response;
  const bool reads_body = request.method == "POST";
  if (!reads_body && has_body(request)) exchange->connection().close_after_response();
  const std::optional<HttpError>& fault = exchange->admission_.fault;
  if (!fault) return HandlerResponse::Unhandled;
  exchange->connection().close_after_response();
  send_error(response, *fault);
  return HandlerResponse::Handled;
}

// All that is decided before the body is read.
Admission HttpServer::admit(const httplib::Request& request) const {
  Admission admission;
  admission.fault = find_fault(request);
  if (admission.fault || !options_.admit) return admission;
  // As httplib finds the handler: the first that fits. HEAD is a GET whose body is not sent.
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  for (const Route& route : routes_) {
    if (route.method == method && std::regex_match(request.path, route.regex)) {
      return options_.admit(request, route.access);
    }
  }
  return admission;
}

std::optional<HttpError> HttpServer::find_fault(const httplib::Request& request) const {
  const std::string host = request.get_header_value("Host");
  if (host.empty() && request.version != "HTTP/1.0") {
    return http_error(400, "The request has no Host header.");
  }
  if (!host.empty() && !is_expected_host(host, options_.host)) {
    return http_error(
        421,
        fmt::format("This server answers to {} and to names of the local machine only; "
                    "start it with --host to serve others.",
                    options_.host),
        "unexpected_host");
  }
  if (request.has_header("Origin") && !is_same_origin(request.get_header_value("Origin"), host)) {
    return http_error(403, "Requests from other web sites are not accepted.", "foreign_origin");
  }
  if (request.path.size() > kMaxPathBytes) {
    return http_error(414, fmt::format("The path is longer than {} bytes.", kMaxPathBytes));
  }
  if (!is_valid_utf8(request.path)) return http_error(400, "The path is not valid UTF-8.");
  const bool chunked = request.has_header("Transfer-Encoding");
  const std::string length = request.get_header_value("Content-Length");
  if ((chunked && !length.empty()) || request.get_header_value_count("Content-Length") > 1) {
    return http_error(400, "The request states its length twice.");
  }
  if (chunked &&
      ::strcasecmp(request.get_header_value("Transfer-Encoding").c_str(), "chunked") != 0) {
    return http_error(501, "No Transfer-Encoding other than chunked is understood.");
  }
  if (request.method == "POST" && !chunked && length.empty()) {
    return http_error(411, "The request has no Content-Length.");
  }
  if (!length.empty() &&
      (length.size() > 19 || length.find_first_not_of("0123456789") != std::string::npos)) {
    return http_error(400, "The Content-Length is not a number.");
  }
  if (!length.empty() && std::stoull(length) > options_.limits.max_body_bytes) {
    return http_error(413,
                      fmt::format("The body is {} bytes long; at most {} are accepted.", length,
                                  options_.limits.max_body_bytes),
                      "too_large");
  }
  if (request.get_header_value("Content-Type").starts_with("application/x-www-form-urlencoded")) {
    return http_error(415, "The body must be JSON; send 'Content-Type: application/json'.",
                      "unsupported_media_type");
  }
  const std::string encoding = request.get_header_value("Content-Encoding");
  if (!encoding.empty() && encoding != "identity") {
    return http_error(415, "Compressed bodies are not accepted; send the body as it is.");
  }
  return std::nullopt;
}

void HttpServer::call(const std::string& pattern, const RouteHandler& handler,
                      const httplib::Request& request, httplib::Response& response) {
  Exchange* exchange = exchange_of(request);
  TANDEM_CHECK(exchange != nullptr);
  exchange->route_ = pattern;
  exchange->response_ = &response;
  try {
    handler(*exchange);
  } catch (...) {
    send_error(response, to_http_error(std::current_exception(), exchange->id()));
  }
}

HttpError HttpServer::fault_of_status(const httplib::Request& request, httplib::Response& response,
                                      const Exchange* exchange) const {
  const int status = response.status;
  if (status == 404) {
    std::vector<std::string> allowed;
    for (const Route& route : routes_) {
      if (!std::regex_match(request.path, route.regex)) continue;
      // "/files/{id}/content" is the address of a "/files/{id}" too.
      if (std::find(allowed.begin(), allowed.end(), route.method) == allowed.end()) {
        allowed.push_back(route.method);
      }
    }
    if (!allowed.empty()) {
      const std::string methods = fmt::format("{}", fmt::join(allowed, ", "));
      response.set_header("Allow", methods);
      return http_error(
          405, fmt::format("{} is not possible here; allowed: {}.", request.method, methods),
          "method_not_allowed");
    }
    return http_error(404, "There is nothing at this address; the routes begin with /v1/.",
                      "unknown_route");
  }
  if (exchange != nullptr && exchange->connection().over_limit()) {
    return http_error(413,
                      fmt::format("The body is longer than the {} bytes that are accepted.",
                                  options_.limits.max_body_bytes),
                      "too_large");
  }
  switch (status) {
    case 413:
      return http_error(413, "The body is too large.", "too_large");
    case 414:
      return http_error(414, "The address is too long.");
    case 416:
      return http_error(416, "The Range header is not understood.");
    default:
      return http_error(status, "The request is not well-formed HTTP, or broke off.");
  }
}

void HttpServer::send_error(httplib::Response& response, const HttpError& error) const {
  response.status = error.status;
  response.set_content(error_body(error), "application/json");
}

void HttpServer::finish_headers(const httplib::Request& request, httplib::Response& response) {
  const Exchange* exchange = exchange_of(request);
  response.set_header("x-request-id", exchange != nullptr ? exchange->id() : make_request_id());
  response.set_header("X-Content-Type-Options", "nosniff");
  if (exchange != nullptr) {
    for (const auto& [name, value] : exchange->admission_.headers) response.set_header(name, value);
  }
  // httplib announces limits that are not ours, and does not know what we decided.
  response.headers.erase("Keep-Alive");
  if (!response.has_header("Cache-Control")) response.set_header("Cache-Control", "no-store");
  if (exchange == nullptr || exchange->connection().closes_after_response()) {
    response.headers.erase("Connection");
    response.set_header("Connection", "close");
  }
}

}  // namespace tandem
