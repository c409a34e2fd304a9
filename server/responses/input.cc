#include "server/responses/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "server/answer_fields.h"
#include "server/record_file.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxItemId = 64;

json part_json(const std::string& role, const std::string& text) {
  if (role == "assistant") {
    return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}};
  }
  return {{"type", "input_text"}, {"text", text}};
}

bool is_item_id(const std::string& id) {
  return !id.empty() && id.size() <= kMaxItemId && std::all_of(id.begin(), id.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  });
}

json message_json(std::string id, const std::string& role, const std::vector<std::string>& texts) {
  json content = json::array();
  for (const std::string& text : texts) content.push_back(part_json(role, text));
  return {{"type", "message"},
          {"id", std::move(id)},
          {"role", role},
          {"status", "completed"},
          {"content", std::move(content)}};
}

class InputParser {
 public:
  explicit InputParser(const Fields& body) : body_(body) {}

  json parse() {
    const json* const input = body_.find("input");
    if (input == nullptr) body_.fail("input", "is missing.");
    if (input->is_string()) {
      items_.push_back(message_json(new_id(), "user", {input->get<std::string>()}));
      check_question("input");
      return std::move(items_);
    }
    if (!input->is_array()) {
      body_.fail("input", fmt::format("must be a string or an array of items, not {}.",
                                      describe_type(*input)));
    }
    body_.array("input", kMaxMessages);
    for (std::size_t i = 0; i < input->size(); ++i) {
      add_item(Fields((*input)[i], path_of_element("input", i)));
    }
    if (items_.empty()) body_.fail("input", "must hold at least one message.");
    check_question(path_of_element("input", input->size() - 1));
    return std::move(items_);
  }

 private:
  static std::string new_id() { return random_id("msg_"); }

  void add_item(const Fields& item) {
    const std::string type = item.text("type").value_or("message");
    if (type == "file_search_call") return;
    if (type != "message") {
      item.fail("type", "must be 'message' or 'file_search_call': this server reads nothing else.");
    }
    parse_role(item);
    const std::string role = *item.text("role");
    const std::vector<std::string> texts =
        parse_content(item, {role == "assistant" ? "output_text" : "input_text"});
    std::string id = item.text("id").value_or("");
    if (!is_item_id(id) || seen_.contains(id)) id = new_id();
    seen_.insert(id);
    items_.push_back(message_json(std::move(id), role, texts));
  }

  void check_question(const std::string& place) const {
    const json& last = items_.back();
    if (last["role"] != "user") {
      body_.fail(place, "must be a message of the user: the last one is the one to answer.");
    }
    for (const json& part : last["content"]) {
      const auto& text = part["text"].get_ref<const std::string&>();
      if (text.find_first_not_of(" \t\r\n\f\v") != std::string::npos) return;
    }
    body_.fail(place, "is blank; ask a question.");
  }

  const Fields& body_;
  json items_ = json::array();
  std::set<std::string> seen_;  // ids
};

}  // namespace

json parse_input(const Fields& body) {
  return InputParser(body).parse();
}

}  // namespace tandem
