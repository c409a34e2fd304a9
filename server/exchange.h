// One request and its response, as route handlers see them.
#ifndef TANDEM_SERVER_EXCHANGE_H_
#define TANDEM_SERVER_EXCHANGE_H_

#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "server/access/admission.h"
#include "server/connection.h"

namespace tandem {

// Lives as long as its request is worked on; used by the one thread that does so. Handlers throw
// Error to answer with an error.
class Exchange {
 public:
  using Clock = std::chrono::steady_clock;

  Exchange(Connection& connection, std::string id)
      : connection_(connection), id_(std::move(id)), start_(Clock::now()) {}

  // Valid from when a handler is called.
  const httplib::Request& request() const { return *request_; }
  httplib::Response& response() const { return *response_; }
  Connection& connection() const { return connection_; }

  // Valid from when a handler is called.
  const Caller& caller() const { return admission_.caller; }
  // What the route needed of it.
  Scope needed_scope() const { return admission_.needed; }

  // The x-request-id of the response: the client's own where it sent a sane one.
  const std::string& id() const { return id_; }
  Clock::time_point start() const { return start_; }
  // The pattern of the route that took the request, "" before: what metrics count by.
  const std::string& route() const { return route_; }
  // The status that was sent, for metrics, where the handler wrote the response itself.
  int sent_status() const { return sent_status_; }

  // The body as JSON. Throws RequestError: 415 for a content type that says otherwise, 400 for a
  // body that is not a JSON object.
  nlohmann::json json_body() const;
  // The same before it is parsed: throws 415 only.
  std::string_view json_text() const;
  // The n-th part (from 1) of the path that the route's pattern captures.
  std::string path_part(std::size_t n) const;
  // A query parameter, or `fallback`. Throws RequestError if it is not valid UTF-8.
  std::string query(std::string_view name, std::string_view fallback = {}) const;
  // The same as a number within [low, high]; throws RequestError naming it otherwise.
  std::int64_t query_integer(std::string_view name, std::int64_t fallback, std::int64_t low,
                             std::int64_t high) const;

  void send_json(const nlohmann::json& body, int status = 200) const;

 private:
  friend class HttpServer;
  friend class EventStream;

  Connection& connection_;
  Admission admission_;
  std::string id_;
  Clock::time_point start_;
  std::string route_;
  int sent_status_ = 0;
  const httplib::Request* request_ = nullptr;
  httplib::Response* response_ = nullptr;
};

// JSON as it leaves the server: ill-formed UTF-8, wherever it came from, becomes U+FFFD.
std::string dump_json(const nlohmann::json& value);

}  // namespace tandem

#endif  // TANDEM_SERVER_EXCHANGE_H_
