#include "server/tuning/lines.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/http_error.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;

class Line {
 public:
  Line(std::string_view text, std::size_t number, std::string_view param)
      : number_(number), param_(param) {
    if (text.size() > kMaxTrainingLineBytes) {
      refuse(fmt::format("is longer than {} bytes", kMaxTrainingLineBytes));
    }
    const auto is_shallow = [](int depth, json::parse_event_t, json&) {
      return depth <= kMaxDepth;
    };
    object_ = json::parse(text, is_shallow, false);
    if (!object_.is_object()) refuse("is no JSON object");
  }

  std::string as_question() const {
    if (object_.contains("messages")) {
      const Turns turns = turns_of(object_);
      if (turns.question.is_null() || turns.answer.is_null()) {
        refuse("lacks a question or an answer");
      }
      return json{{"question", turns.question}, {"answers", json::array({turns.answer})}}.dump();
    }
    if (object_.contains("preferred_output") || object_.contains("chosen")) {
      refuse("is one of preferences, for the method 'dpo'");
    }
    for (const char* const name : {"question", "query"}) {
      const auto found = object_.find(name);
      if (found != object_.end() && found->is_string()) return object_.dump();
    }
    refuse("has neither \"question\" nor \"query\" nor \"messages\"");
  }

  std::string as_preference() const {
    if (object_.contains("chosen") && object_.contains("rejected")) return object_.dump();
    const auto input = object_.find("input");
    if (input == object_.end() || !input->is_object()) {
      refuse("has neither \"chosen\" and \"rejected\" nor \"input\"");
    }
    const Turns turns = turns_of(*input);
    if (turns.question.is_null() || !turns.answer.is_null()) {
      refuse("has an \"input\" that does not end with a question of the user");
    }
    return json{{"question", turns.question},
                {"chosen", output_of("preferred_output")},
                {"rejected", output_of("non_preferred_output")}}
        .dump();
  }

 private:
  struct Turns {
    json question;
    json answer;
  };

  Turns turns_of(const json& object) const {
    const auto messages = object.find("messages");
    if (messages == object.end() || !messages->is_array()) {
      refuse("has \"messages\" that are no array");
    }
    Turns turns;
    for (const json& message : *messages) {
      const std::string role = text_of(message, "role");
      if (role == "system" || role == "developer") continue;
      json& place = role == "user" ? turns.question : turns.answer;
      if ((role != "user" && role != "assistant") || !place.is_null() ||
          (role == "assistant") == turns.question.is_null()) {
        refuse(
            "is a conversation, of which only a question of the user and the assistant's "
            "answer can be learned from");
      }
      place = content_of(message);
    }
    return turns;
  }

  std::string output_of(const char* name) const {
    const auto messages = object_.find(name);
    if (messages == object_.end() || !messages->is_array() || messages->size() != 1 ||
        text_of(messages->front(), "role") != "assistant") {
      refuse(fmt::format("has no \"{}\" of one message of the assistant", name));
    }
    return content_of(messages->front());
  }

  std::string text_of(const json& object, const char* name) const {
    if (!object.is_object()) refuse("has a message that is no object");
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) {
      refuse(fmt::format("has a message whose \"{}\" is no text", name));
    }
    return found->get<std::string>();
  }

  std::string content_of(const json& message) const {
    const auto content = message.find("content");
    if (content == message.end() || !content->is_array()) return text_of(message, "content");
    std::string text;
    for (const json& part : *content) text += text_of(part, "text");
    return text;
  }

  [[noreturn]] void refuse(std::string_view problem) const {
    throw RequestError(400, fmt::format("Line {} of the file {}.", number_, problem),
                       std::string(param_), "invalid_file");
  }

  const std::size_t number_;
  const std::string_view param_;
  json object_;
};

}  // namespace

std::string to_training_lines(std::string_view content, TuningMethod method,
                              std::string_view param) {
  std::string lines;
  std::size_t number = 0;
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Line parsed(line, number, param);
    lines += method == TuningMethod::kDpo ? parsed.as_preference() : parsed.as_question();
    lines += '\n';
  }
  if (lines.empty()) {
    throw RequestError(400, "The file has no lines.", std::string(param), "invalid_file");
  }
  return lines;
}

}  // namespace tandem
