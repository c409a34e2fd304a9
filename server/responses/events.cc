#include "server/responses/events.h"

#include <utility>

#include "server/responses/json.h"

namespace tandem {

using nlohmann::json;

bool ResponseEvents::send(const std::string& name, json event) {
  const std::string type = "response." + name;
  event["type"] = type;
  event["sequence_number"] = next_sequence_++;
  return stream_.send(type, event);
}

bool ResponseEvents::send_of_item(const std::string& name, json event) {
  event["item_id"] = item_id_;
  event["output_index"] = output_index_;
  return send(name, std::move(event));
}

bool ResponseEvents::send_of_part(const std::string& name, json event) {
  event["content_index"] = 0;
  return send_of_item(name, std::move(event));
}

void ResponseEvents::end_item(const json& item) {
  send("output_item.done", {{"output_index", output_index_}, {"item", item}});
  ++output_index_;
}

void ResponseEvents::begin(const json& response) {
  send("created", {{"response", response}});
  send("in_progress", {{"response", response}});
}

void ResponseEvents::file_search(const json& call) {
  item_id_ = call["id"];
  json begun = call;
  begun["status"] = "in_progress";
  begun["queries"] = json::array();
  begun["results"] = nullptr;
  send("output_item.added", {{"output_index", output_index_}, {"item", begun}});
  send_of_item("file_search_call.in_progress");
  send_of_item("file_search_call.searching");
  send_of_item("file_search_call.completed");
  end_item(call);
}

void ResponseEvents::begin_message(const json& message) {
  item_id_ = message["id"];
  send("output_item.added", {{"output_index", output_index_}, {"item", message}});
  send_of_part("content_part.added",
               {{"part", output_text_json("", json::array(), json::array())}});
}

bool ResponseEvents::delta(std::string_view text, const json& log_probabilities) {
  return send_of_part("output_text.delta", {{"delta", text}, {"logprobs", log_probabilities}});
}

void ResponseEvents::end_message(const json& message) {
  const json& part = message["content"][0];
  std::uint64_t index = 0;
  for (const json& annotation : part["annotations"]) {
    send_of_part("output_text.annotation.added",
                 {{"annotation", annotation}, {"annotation_index", index++}});
  }
  send_of_part("output_text.done", {{"text", part["text"]}, {"logprobs", part["logprobs"]}});
  send_of_part("content_part.done", {{"part", part}});
  end_item(message);
}

void ResponseEvents::end(const json& response) {
  send(response["status"], {{"response", response}});
}

}  // namespace tandem
