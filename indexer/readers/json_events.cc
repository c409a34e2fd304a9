#include "indexer/readers/json_events.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace tandem {
namespace {

// nlohmann's parser keeps its own stack, so depth costs no recursion.
class Walker : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Walker(JsonHandler& handler) : handler_(handler) {}

  bool null() override { return true; }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) override { return scalar(std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) override { return scalar(std::to_string(value)); }
  bool number_float(double, const std::string& text) override { return scalar(text); }
  bool string(std::string& value) override { return scalar(value); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(false); }
  bool end_object() override { return close(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_array() override { return close(true); }
  bool key(std::string& key) override {
    path_.back().key = std::move(key);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  bool scalar(std::string_view text) {
    handler_.value(path_, text);
    return true;
  }
  bool open(bool is_array) {
    if (path_.size() == kMaxJsonDepth) return false;
    handler_.begin(path_, is_array);
    path_.push_back({is_array, {}});
    return true;
  }
  bool close(bool is_array) {
    path_.pop_back();
    handler_.end(path_, is_array);
    return true;
  }

  JsonHandler& handler_;
  std::vector<JsonLevel> path_;
};

}  // namespace

bool walk_json(std::string_view text, JsonHandler& handler) {
  Walker walker(handler);
  return nlohmann::json::sax_parse(text, &walker);
}

}  // namespace tandem
