// Server-sent events (WHATWG HTML, section 9.2) over HTTP chunks, as OpenAI's clients read them.
//
// Written to the connection directly and not through httplib's content provider: headers leave with
// the first event, so that an error before it still gets its own status, and a stopping server ends
// its streams properly. Used by one thread at a time.
#ifndef TANDEM_SERVER_EVENT_STREAM_H_
#define TANDEM_SERVER_EVENT_STREAM_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "server/exchange.h"

namespace tandem {

class EventStream {
 public:
  explicit EventStream(Exchange& exchange);
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // "data: JSON", then an empty line. False when the client is gone; the same ever after.
  bool send(const nlohmann::json& event);
  // The same after a line "event: NAME", of a name without line ends.
  bool send(std::string_view name, const nlohmann::json& event);
  // "data: [DONE]": how the stream of a chat says that nothing is missing.
  bool send_done();
  // The end of the response. Without it the client sees a broken stream.
  void finish();
  // The client left: counted as status 499.
  void abandon();

  bool started() const { return started_; }

 private:
  bool send_lines(std::string_view lines);
  bool write(std::string_view bytes);
  void write_headers();

  Exchange& exchange_;
  const bool chunked_;  // HTTP/1.0 has no chunks: the end of the connection ends the stream
  bool started_ = false;
  bool broken_ = false;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_EVENT_STREAM_H_
