#include "server/event_stream.h"

#include <fmt/format.h>

#include <string>

namespace tandem {

EventStream::EventStream(Exchange& exchange)
    : exchange_(exchange), chunked_(exchange.request().version != "HTTP/1.0") {}

bool EventStream::send(const nlohmann::json& event) {
  // JSON without indentation has no line end, which would end the field.
  return send_lines(fmt::format("data: {}\n\n", dump_json(event)));
}

bool EventStream::send(std::string_view name, const nlohmann::json& event) {
  return send_lines(fmt::format("event: {}\ndata: {}\n\n", name, dump_json(event)));
}

bool EventStream::send_done() {
  return send_lines("data: [DONE]\n\n");
}

bool EventStream::send_lines(std::string_view lines) {
  if (!started_) write_headers();
  return write(chunked_ ? fmt::format("{:x}\r\n{}\r\n", lines.size(), lines) : std::string(lines));
}

void EventStream::finish() {
  if (chunked_) {
    write("0\r\n\r\n");
  } else {
    exchange_.connection().close_after_response();
  }
  exchange_.connection().finish_response();
}

void EventStream::abandon() {
  broken_ = true;
  exchange_.sent_status_ = 499;
  exchange_.connection().finish_response();
  exchange_.connection().close_after_response();
}

bool EventStream::write(std::string_view bytes) {
  Connection& connection = exchange_.connection();
  if (!broken_ && connection.client_left()) broken_ = true;
  while (!broken_ && !bytes.empty()) {
    const ssize_t sent = connection.write(bytes.data(), bytes.size());
    if (sent < 0) {
      broken_ = true;
    } else {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  return !broken_;
}

void EventStream::write_headers() {
  started_ = true;
  exchange_.sent_status_ = 200;
  exchange_.response().status = 200;
  std::string more;
  for (const auto& [name, value] : exchange_.response().headers) {
    more += fmt::format("{}: {}\r\n", name, value);
  }
  for (const auto& [name, value] : exchange_.admission_.headers) {
    more += fmt::format("{}: {}\r\n", name, value);
  }
  write(fmt::format(
      "HTTP/1.1 200 OK\r\n"
      "Content-Type: text/event-stream; charset=utf-8\r\n"
      "Cache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "X-Accel-Buffering: no\r\n"  // nginx in front would hold the events back
      "{}\r\n{}"
      "x-request-id: {}\r\n\r\n",
      chunked_ ? "Transfer-Encoding: chunked" : "Connection: close", more, exchange_.id()));
}

}  // namespace tandem
