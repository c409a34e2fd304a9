// One TCP connection, as the stream that cpp-httplib reads a request from and writes a response to.
//
// httplib's own stream has no bound on the bytes of a header line or of a chunked body, no time
// limit on a request as a whole, uses select(2), and cannot tell that a client has left while a
// handler works. This one does, so the server brings its own. Used by one thread at a time.
#ifndef TANDEM_SERVER_CONNECTION_H_
#define TANDEM_SERVER_CONNECTION_H_

#include <httplib.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/tls.h"

namespace tandem {

struct ConnectionLimits {
  int idle_timeout_ms = 5'000;     // between requests
  int header_timeout_ms = 10'000;  // for the whole request line and headers
  int read_timeout_ms = 10'000;    // without a byte of the body
  int write_timeout_ms = 20'000;   // without a byte taken by the client
  std::uint64_t max_header_bytes = 64u << 10;
  std::uint64_t max_body_bytes = 64u << 20;
};

class Connection : public httplib::Stream {
 public:
  // Takes over `socket`, which is closed by the destructor. With `tls`, which must outlive it, all
  // goes through TLS.
  Connection(socket_t socket, const ConnectionLimits& limits, TlsContext* tls = nullptr);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Comes to terms with a client of TLS, within the time that a request's headers have. False where
  // that fails, and nothing else may be called then.
  bool handshake();
  // Waits for the first byte of a request. False when the client closed, was idle for too long, or
  // `give_up(idle_ms)`, asked every few milliseconds, says so.
  bool wait_for_request(const std::function<bool(int idle_ms)>& give_up);
  // From here on the header limits hold, from begin_body() the body's.
  void begin_request();
  void begin_body();
  // The limit on bytes was passed: reading has failed since.
  bool over_limit() const { return over_limit_; }

  // The client closed its side. One that only half-closed counts too: the two cannot be told apart
  // without writing, and clients that give up are common while those that half-close are not.
  bool client_left() const;

  // What is left unread must not be taken for another request.
  void close_after_response() { close_after_response_ = true; }
  bool closes_after_response() const { return close_after_response_; }

  // Of the response to the request that began last, headers included.
  std::uint64_t sent_bytes() const { return sent_bytes_; }

  // The handler has written the whole response itself; what httplib writes after it is dropped.
  void finish_response() { response_finished_ = true; }

  // httplib::Stream
  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* data, size_t size) override;
  ssize_t write(const char* data, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;

  int read_timeout_left_ms() const;
  // Bytes that have come and wait here, not in the socket.
  bool holds_input() const;
  void discard_input();
  // Once they can: what recv(2) and send(2) return.
  ssize_t receive(char* data, std::size_t size, int timeout_ms);
  ssize_t send_some(const char* data, std::size_t size);

  const socket_t socket_;
  const std::unique_ptr<SSL, void (*)(SSL*)> tls_;  // null without TLS
  const ConnectionLimits limits_;
  std::array<char, 16'384> buffer_;
  std::size_t buffer_begin_ = 0;
  std::size_t buffer_end_ = 0;
  std::uint64_t budget_bytes_ = 0;
  bool in_header_ = true;
  Clock::time_point header_deadline_;
  bool over_limit_ = false;
  bool close_after_response_ = false;
  bool response_finished_ = false;
  std::uint64_t sent_bytes_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_CONNECTION_H_
