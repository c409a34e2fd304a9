#include "server/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <latch>

#include "server/event_stream.h"

namespace tandem {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// A connection that sends exactly what it is told.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval timeout{10, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { close(); }

  bool connected() const { return connected_; }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void half_close() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  std::string read_some() {
    char buffer[4096];
    const ssize_t received = ::recv(socket_, buffer, sizeof(buffer), 0);
    return received > 0 ? std::string(buffer, static_cast<std::size_t>(received)) : std::string();
  }
  // Until the server closes.
  std::string read_all() {
    std::string all;
    for (std::string some = read_some(); !some.empty(); some = read_some()) all += some;
    return all;
  }

 private:
  int socket_;
  bool connected_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options_.host = "127.0.0.1";
    options_.worker_threads = 2;
    options_.limits.max_body_bytes = 10'000;
    options_.limits.read_timeout_ms = 300;
    options_.limits.header_timeout_ms = 300;
  }
  ~HttpServerTest() override { stop(); }

  void start() {
    server_ = std::make_unique<HttpServer>(options_, metrics_);
    server_->add_route("POST", "/echo", kForEverybody, [](Exchange& exchange) {
      exchange.send_json({{"size", exchange.request().body.size()}});
    });
    server_->add_route("GET", "/things/{id}", kForEverybody, [](Exchange& exchange) {
      exchange.send_json(
          {{"id", exchange.path_part(1)}, {"limit", exchange.query_integer("limit", 5, 1, 10)}});
    });
    server_->add_route("GET", "/things/{id}/content", kForEverybody, [](Exchange&) {});
    server_->add_route("DELETE", "/things/{id}", kForEverybody, [](Exchange&) {});
    server_->add_route("GET", "/fault", kForEverybody,
                       [](Exchange&) { throw std::runtime_error("secret"); });
    server_->add_route("GET", "/slow", kForEverybody, [this](Exchange& exchange) {
      working_.count_down();
      released_.wait();
      exchange.send_json({{"done", true}});
    });
    server_->add_route("GET", "/stream", kForEverybody, [this](Exchange& exchange) {
      EventStream stream(exchange);
      stream.send({{"n", 1}});
      working_.count_down();
      released_.wait();
      stream.send("second", {{"n", 2}});
      stream.send_done();
      stream.finish();
    });
    server_->add_route("GET", "/until-client-leaves", kForEverybody, [this](Exchange& exchange) {
      working_.count_down();
      while (!exchange.connection().client_left()) std::this_thread::sleep_for(1ms);
      left_.set_value();
    });
    thread_ = std::thread([this] { server_->run(); });
  }
  void stop() {
    if (released_once_.exchange(true) == false) released_.count_down();
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
  }
  void release() {
    if (released_once_.exchange(true) == false) released_.count_down();
  }

  // The whole response to raw bytes; the server is expected to close.
  std::string answer_to(std::string_view bytes) {
    RawClient client(server_->port());
    client.send(bytes);
    return client.read_all();
  }
  static json json_of(const std::string& response) {
    return json::parse(response.substr(response.find("\r\n\r\n") + 4));
  }

  HttpServerOptions options_;
  Metrics metrics_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::latch working_{1};
  std::latch released_{1};
  std::atomic<bool> released_once_ = false;
  std::promise<void> left_;
};

constexpr char kGet[] = "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
std::string get(std::string_view path) {
  return fmt::format(kGet, path);
}
std::string post(std::string_view headers, std::string_view body) {
  return fmt::format("POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n{}",
                     headers, body);
}

TEST_F(HttpServerTest, RoutesWithPathPartsAndQuery) {
  start();
  const std::string response = answer_to(get("/things/a%2Fb%20c?limit=7"));
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(json_of(response), json::parse(R"({"id": "a/b c", "limit": 7})"));
  EXPECT_EQ(json_of(answer_to(get("/things/x?limit=11")))["error"]["param"], "limit");
  EXPECT_EQ(json_of(answer_to(get("/things/x?limit=1e1")))["error"]["param"], "limit");
}

TEST_F(HttpServerTest, EveryResponseHasARequestId) {
  start();
  EXPECT_THAT(answer_to("GET /things/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                        "X-Request-Id: mine-1\r\n\r\n"),
              HasSubstr("x-request-id: mine-1\r\n"));
  for (const char* bytes : {"GET /things/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                            "X-Request-Id: \"quoted\"\r\n\r\n",
                            "NONSENSE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"}) {
    EXPECT_THAT(answer_to(bytes), HasSubstr("x-request-id: req_")) << bytes;
  }
}

TEST_F(HttpServerTest, UnknownPathsAndMethodsAreToldApart) {
  start();
  const std::string unknown = answer_to(get("/nowhere"));
  EXPECT_THAT(unknown, StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(json_of(unknown)["error"]["code"], "unknown_route");
  const std::string wrong =
      answer_to("PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(wrong, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(wrong, HasSubstr("Allow: POST\r\n"));
}

TEST_F(HttpServerTest, AMethodIsAllowedOnceWhereSeveralRoutesHaveIt) {
  start();
  const std::string wrong =
      answer_to("PUT /things/1/content HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(wrong, HasSubstr("Allow: GET, DELETE\r\n"));
}

TEST_F(HttpServerTest, HandlersFaultsAreToldWithoutDetails) {
  start();
  const std::string response = answer_to(get("/fault"));
  EXPECT_THAT(response, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(response, Not(HasSubstr("secret")));
}

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  start();
  RawClient client(server_->port());
  client.send("GET /things/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  // Header and body may come apart.
  std::string first;
  while (first.find("\"a\"") == std::string::npos) {
    const std::string some = client.read_some();
    ASSERT_FALSE(some.empty()) << first;
    first += some;
  }
  client.send(get("/things/b"));
  EXPECT_THAT(client.read_all(), HasSubstr("\"b\""));
}

struct RawCase {
  std::string name;
  std::string bytes;
  int status;
};

class BadRequestTest : public HttpServerTest, public ::testing::WithParamInterface<RawCase> {};

TEST_P(BadRequestTest, IsAnsweredInOneShapeAndTheConnectionClosed) {
  start();
  const std::string response = answer_to(GetParam().bytes);
  EXPECT_THAT(response, StartsWith(fmt::format("HTTP/1.1 {} ", GetParam().status)));
  EXPECT_THAT(response, HasSubstr("Connection: close\r\n"));
  EXPECT_FALSE(json_of(response)["error"]["message"].get<std::string>().empty());
  EXPECT_THAT(answer_to(get("/things/still-there")), HasSubstr("still-there"));
}

std::string chunked(std::size_t chunks) {
  std::string body;
  for (std::size_t i = 0; i < chunks; ++i) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
  return body + "0\r\n\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadRequestTest,
    ::testing::Values(
        RawCase{"NoHttp", "hello\r\n\r\n", 400},
        RawCase{"UnknownMethod", "BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        RawCase{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        RawCase{"ForeignHost", "GET / HTTP/1.1\r\nHost: rebound.example.org\r\n\r\n", 421},
        RawCase{"ForeignOrigin", post("Content-Length: 2\r\nOrigin: http://example.org\r\n", "{}"),
                403},
        RawCase{"OpaqueOrigin", post("Content-Length: 2\r\nOrigin: null\r\n", "{}"), 403},
        RawCase{"HeaderThatNeverEnds",
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(100'000, 'x'), 400},
        RawCase{"HeadersThatBreakOff", "GET / HTTP/1.1\r\nHost: localhost\r\n", 400},
        RawCase{"LongPath", get("/" + std::string(5000, 'x')), 414},
        RawCase{
            "LongRange",
            fmt::format("GET /things/a HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1{}\r\n\r\n",
                        std::string(8000, ',')),
            416},
        RawCase{"PathNotUtf8", get("/things/%ff"), 400}, RawCase{"NoLength", post("", ""), 411},
        RawCase{"TwoLengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), 400},
        RawCase{"LengthAndChunks",
                post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "{}"), 400},
        RawCase{"NegativeLength", post("Content-Length: -1\r\n", ""), 400},
        RawCase{"HugeLength", post("Content-Length: 99999999999999999999\r\n", ""), 400},
        RawCase{"LargeLength", post("Content-Length: 10001\r\n", std::string(10'001, 'x')), 413},
        RawCase{"LargeLengthExpectingContinue",
                post("Content-Length: 10001\r\nExpect: 100-continue\r\n", ""), 413},
        RawCase{"LargeChunkedBody", post("Transfer-Encoding: chunked\r\n", chunked(100)), 413},
        RawCase{"BrokenChunks", post("Transfer-Encoding: chunked\r\n", "zz\r\nxx\r\n\r\n"), 400},
        RawCase{"OtherTransferEncoding", post("Transfer-Encoding: gzip\r\n", "x"), 501},
        RawCase{"CompressedBody", post("Content-Length: 2\r\nContent-Encoding: gzip\r\n", "{}"),
                415},
        RawCase{"BodyThatBreaksOff", post("Content-Length: 100\r\n", "{"), 400},
        RawCase{
            "Form",
            post("Content-Length: 3\r\nContent-Type: application/x-www-form-urlencoded\r\n", "a=b"),
            415},
        RawCase{"MultipartWithoutBoundary",
                post("Content-Length: 3\r\nContent-Type: multipart/form-data\r\n", "a=b"), 400}),
    [](const auto& test) { return test.param.name; });

TEST_F(HttpServerTest, ReadsChunkedBodies) {
  start();
  EXPECT_EQ(json_of(answer_to(post("Transfer-Encoding: chunked\r\n", chunked(3))))["size"], 3072);
}

TEST_F(HttpServerTest, BytesOfARefusedBodyAreNotTheNextRequest) {
  start();
  RawClient client(server_->port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: example.org\r\nContent-Length: 60\r\n\r\n"
      "GET /things/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n         ");
  EXPECT_THAT(client.read_all(), Not(HasSubstr("smuggled")));
}

TEST_F(HttpServerTest, AHalfClosedClientStillGetsItsAnswer) {
  start();
  RawClient client(server_->port());
  client.send(post("Content-Length: 2\r\n", "{}"));
  client.half_close();
  EXPECT_EQ(json_of(client.read_all())["size"], 2);
}

TEST_F(HttpServerTest, HandlersSeeThatTheClientLeft) {
  start();
  RawClient client(server_->port());
  client.send(get("/until-client-leaves"));
  working_.wait();
  client.close();
  EXPECT_EQ(left_.get_future().wait_for(5s), std::future_status::ready);
}

TEST_F(HttpServerTest, StreamsEventsAsTheyCome) {
  start();
  RawClient client(server_->port());
  client.send(get("/stream"));
  const std::string begin = client.read_some() + client.read_some();
  EXPECT_THAT(begin, HasSubstr("Content-Type: text/event-stream"));
  EXPECT_THAT(begin, HasSubstr("data: {\"n\":1}\n\n"));
  release();
  EXPECT_THAT(client.read_all(), EndsWith("data: [DONE]\n\n\r\n0\r\n\r\n"));
}

TEST_F(HttpServerTest, StreamsToHttp10WithoutChunks) {
  start();
  release();
  const std::string response = answer_to("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_THAT(response, Not(HasSubstr("chunked")));
  EXPECT_THAT(response, EndsWith("\r\n\r\ndata: {\"n\":1}\n\nevent: second\ndata: {\"n\":2}\n\n"
                                 "data: [DONE]\n\n"));
}

TEST_F(HttpServerTest, StopLetsRequestsInFlightEnd) {
  start();
  for (const char* path : {"/stream"}) {
    RawClient client(server_->port());
    client.send(get(path));
    working_.wait();
    server_->stop();
    std::this_thread::sleep_for(50ms);
    EXPECT_FALSE(RawClient(server_->port()).connected());
    release();
    EXPECT_THAT(client.read_all(), EndsWith("data: [DONE]\n\n\r\n0\r\n\r\n"));
  }
}

TEST_F(HttpServerTest, StopDoesNotWaitForIdleConnections) {
  start();
  RawClient silent(server_->port());
  RawClient idle(server_->port());
  idle.send("GET /things/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  idle.read_some();
  const auto start = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

TEST_F(HttpServerTest, StopBeforeRunMakesRunReturn) {
  HttpServer server(options_, metrics_);
  server.stop();
  server.stop();
  server.run();
}

TEST_F(HttpServerTest, IdleConnectionsGiveWayToWaitingOnes) {
  options_.worker_threads = 1;
  start();
  RawClient idle(server_->port());
  idle.send("GET /things/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  idle.read_some();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(answer_to(get("/things/b")), HasSubstr("\"b\""));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

TEST_F(HttpServerTest, IdleConnectionsStayWhereAWorkerIsFree) {
  options_.worker_threads = 8;
  start();
  RawClient idle(server_->port());
  idle.send("GET /things/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::string answer;
  while (answer.find("\"a\"") == std::string::npos) answer += idle.read_some();
  for (int i = 0; i < 50; ++i) EXPECT_THAT(answer_to(get("/things/b")), HasSubstr("\"b\""));
  idle.send(get("/things/again"));
  EXPECT_THAT(idle.read_all(), HasSubstr("\"again\""));
}

TEST_F(HttpServerTest, RefusesConnectionsBeyondTheQueue) {
  options_.worker_threads = 1;
  options_.max_waiting = 1;
  start();
  RawClient busy(server_->port());
  busy.send(get("/slow"));
  working_.wait();
  RawClient waiting(server_->port());
  waiting.send(get("/things/waiting"));
  std::this_thread::sleep_for(100ms);
  const std::string refused = answer_to(get("/things/refused"));
  EXPECT_THAT(refused, AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("Retry-After: 1")));
  EXPECT_EQ(json_of(refused)["error"]["code"], "overloaded");
  release();
  EXPECT_THAT(waiting.read_all(), HasSubstr("\"waiting\""));
}

TEST_F(HttpServerTest, APortInUseIsNamed) {
  start();
  options_.port = server_->port();
  try {
    HttpServer second(options_, metrics_);
    FAIL() << "two servers on one port";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.message(), HasSubstr(fmt::format("127.0.0.1:{}", server_->port())));
  }
}

}  // namespace
}  // namespace tandem
