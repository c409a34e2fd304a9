// The stream of a response, event by event in OpenAI's order:
//
//   response.created, response.in_progress,
//   [output_item.added, file_search_call.in_progress, .searching, .completed, output_item.done,]
//   output_item.added, content_part.added,
//   output_text.delta…, output_text.annotation.added…,
//   output_text.done, content_part.done, output_item.done,
//   response.completed or response.incomplete
//
// "response." stands before the names of all. An error takes the place of what would follow:
// response.failed. Each event has a `sequence_number`, from 0.
#ifndef TANDEM_SERVER_RESPONSES_EVENTS_H_
#define TANDEM_SERVER_RESPONSES_EVENTS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "server/event_stream.h"

namespace tandem {

// Used by the thread of the exchange. Methods are called in the order in which they stand. Those
// that return a bool return false when the client is gone.
class ResponseEvents {
 public:
  explicit ResponseEvents(EventStream& stream) : stream_(stream) {}

  // `response` without output.
  void begin(const nlohmann::json& response);
  // `call` is the item when it is done.
  void file_search(const nlohmann::json& call);
  // `message` without content.
  void begin_message(const nlohmann::json& message);
  bool delta(std::string_view text, const nlohmann::json& log_probabilities);
  // `message` with one part, the whole text.
  void end_message(const nlohmann::json& message);
  // Completed, incomplete or failed, as its status says.
  void end(const nlohmann::json& response);

 private:
  bool send(const std::string& name, nlohmann::json event);
  // With item_id and output_index of the current item.
  bool send_of_item(const std::string& name, nlohmann::json event = nlohmann::json::object());
  bool send_of_part(const std::string& name, nlohmann::json event);
  void end_item(const nlohmann::json& item);

  EventStream& stream_;
  std::uint64_t next_sequence_ = 0;
  std::string item_id_;
  std::uint64_t output_index_ = 0;
};

}  // namespace tandem

#endif  // TANDEM_SERVER_RESPONSES_EVENTS_H_
