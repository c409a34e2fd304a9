#include "server/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tandem {
namespace {

constexpr int kIdleSliceMs = 20;
// A client that is still sending when it is refused must be read from for a while: closing with
// unread input resets the connection, and the client might never see why (RFC 9112, section 9.6).
constexpr int kLingerMs = 2'000;

// Waits for one of `events`; false after the time is up or on a fault.
bool wait_for(socket_t socket, short events, int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    pollfd entry{socket, events, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<long>(0, left.count())));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

using NameFunction = int (*)(int, sockaddr*, socklen_t*);

void get_ip_and_port(NameFunction get_name, socket_t socket, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (get_name(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    port = ntohs(v4->sin_port);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    port = ntohs(v6->sin6_port);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  }
  ip = text.data();
}

std::unique_ptr<SSL, void (*)(SSL*)> make_session(TlsContext* tls, socket_t socket) {
  if (tls == nullptr) return {nullptr, [](SSL*) {}};
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  return tls->new_session(socket);
}

// Waits for what TLS wants next; false where it wants nothing, or does not get it in time.
bool wait_for_tls(socket_t socket, TlsProgress progress, int timeout_ms) {
  if (progress == TlsProgress::kWantsRead) return wait_for(socket, POLLIN, timeout_ms);
  if (progress == TlsProgress::kWantsWrite) return wait_for(socket, POLLOUT, timeout_ms);
  return false;
}

}  // namespace

Connection::Connection(socket_t socket, const ConnectionLimits& limits, TlsContext* tls)
    : socket_(socket), tls_(make_session(tls, socket)), limits_(limits) {}

Connection::~Connection() {
  if (tls_) tls_end(tls_.get());
  if (close_after_response_) discard_input();
  ::shutdown(socket_, SHUT_RDWR);
  ::close(socket_);
}

void Connection::discard_input() {
  ::shutdown(socket_, SHUT_WR);
  const auto deadline = Clock::now() + std::chrono::milliseconds(kLingerMs);
  while (Clock::now() < deadline && wait_for(socket_, POLLIN, kLingerMs / 4)) {
    if (::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) <= 0) break;
  }
}

bool Connection::handshake() {
  if (!tls_) return true;
  header_deadline_ = Clock::now() + std::chrono::milliseconds(limits_.header_timeout_ms);
  while (true) {
    const TlsProgress progress = tls_accept(tls_.get());
    if (progress == TlsProgress::kDone) return true;
    if (!wait_for_tls(socket_, progress, read_timeout_left_ms())) return false;
  }
}

bool Connection::wait_for_request(const std::function<bool(int idle_ms)>& give_up) {
  if (holds_input()) return true;
  const auto start = Clock::now();
  while (!wait_for(socket_, POLLIN, kIdleSliceMs)) {
    const auto idle = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    const int idle_ms = static_cast<int>(idle.count());
    if (idle_ms >= limits_.idle_timeout_ms || give_up(idle_ms)) return false;
  }
  // With TLS that may be no byte of a request; the reading of its first line finds out.
  char byte;
  return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Connection::begin_request() {
  in_header_ = true;
  budget_bytes_ = limits_.max_header_bytes;
  header_deadline_ = Clock::now() + std::chrono::milliseconds(limits_.header_timeout_ms);
  over_limit_ = false;
  close_after_response_ = false;
  response_finished_ = false;
  sent_bytes_ = 0;
}

void Connection::begin_body() {
  in_header_ = false;
  // A chunked body carries its framing on top: at most some bytes for each byte of content, and a
  // few for chunks of reasonable size.
  budget_bytes_ = limits_.max_body_bytes + limits_.max_body_bytes / 8 + 4096;
}

bool Connection::client_left() const {
  pollfd entry{socket_, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

int Connection::read_timeout_left_ms() const {
  if (!in_header_) return limits_.read_timeout_ms;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(header_deadline_ - Clock::now());
  return static_cast<int>(std::max<long>(0, left.count()));
}

bool Connection::is_readable() const {
  return holds_input() || wait_for(socket_, POLLIN, read_timeout_left_ms());
}

bool Connection::holds_input() const {
  return buffer_begin_ < buffer_end_ || (tls_ && tls_has_pending(tls_.get()));
}

ssize_t Connection::receive(char* data, std::size_t size, int timeout_ms) {
  if (tls_) {
    std::size_t count = 0;
    while (true) {
      const TlsProgress progress = tls_read(tls_.get(), data, size, count);
      if (progress == TlsProgress::kDone) return static_cast<ssize_t>(count);
      if (progress == TlsProgress::kClosed) return 0;
      if (!wait_for_tls(socket_, progress, timeout_ms)) return -1;
    }
  }
  if (!wait_for(socket_, POLLIN, timeout_ms)) return -1;
  ssize_t received = 0;
  do {
    received = ::recv(socket_, data, size, 0);
  } while (received < 0 && errno == EINTR);
  return received;
}

ssize_t Connection::send_some(const char* data, std::size_t size) {
  if (tls_) {
    std::size_t count = 0;
    while (true) {
      const TlsProgress progress = tls_write(tls_.get(), data, size, count);
      if (progress == TlsProgress::kDone) return static_cast<ssize_t>(count);
      if (!wait_for_tls(socket_, progress, limits_.write_timeout_ms)) return -1;
    }
  }
  while (true) {
    const ssize_t sent = ::send(socket_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return -1;
    if (!wait_for(socket_, POLLOUT, limits_.write_timeout_ms)) return -1;
  }
}

bool Connection::is_writable() const {
  return !client_left() && wait_for(socket_, POLLOUT, limits_.write_timeout_ms);
}

ssize_t Connection::read(char* data, size_t size) {
  if (budget_bytes_ == 0) {
    over_limit_ = true;
    return -1;
  }
  if (buffer_begin_ == buffer_end_) {
    const ssize_t received = receive(buffer_.data(), buffer_.size(), read_timeout_left_ms());
    if (received <= 0) return received;
    buffer_begin_ = 0;
    buffer_end_ = static_cast<std::size_t>(received);
  }
  const auto count =
      std::min({size, buffer_end_ - buffer_begin_, static_cast<std::size_t>(budget_bytes_)});
  std::memcpy(data, buffer_.data() + buffer_begin_, count);
  buffer_begin_ += count;
  budget_bytes_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t Connection::write(const char* data, size_t size) {
  if (response_finished_) return static_cast<ssize_t>(size);
  const ssize_t sent = send_some(data, size);
  if (sent > 0) sent_bytes_ += static_cast<std::uint64_t>(sent);
  return sent;
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  get_ip_and_port(&::getpeername, socket_, ip, port);
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  get_ip_and_port(&::getsockname, socket_, ip, port);
}

}  // namespace tandem
