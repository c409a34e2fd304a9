#include "server/exchange.h"

#include <fmt/format.h>

#include <charconv>

#include "base/utf8.h"
#include "server/http_error.h"
#include "server/json_fields.h"

namespace tandem {

nlohmann::json Exchange::json_body() const {
  return parse_json_object(json_text());
}

std::string_view Exchange::json_text() const {
  const std::string type = request_->get_header_value("Content-Type");
  const std::string_view essence = std::string_view(type).substr(0, type.find(';'));
  if (!type.empty() && essence.find("json") == std::string_view::npos) {
    throw RequestError(415,
                       fmt::format("The body must be JSON, but its Content-Type is '{}'; send "
                                   "'Content-Type: application/json'.",
                                   essence),
                       {}, "unsupported_media_type");
  }
  return request_->body;
}

std::string Exchange::path_part(std::size_t n) const {
  return request_->matches[n].str();
}

std::string Exchange::query(std::string_view name, std::string_view fallback) const {
  const std::string key(name);
  if (!request_->has_param(key)) return std::string(fallback);
  std::string value = request_->get_param_value(key);
  if (!is_valid_utf8(value)) {
    throw RequestError(400, fmt::format("'{}' is not valid UTF-8.", name), key);
  }
  return value;
}

std::int64_t Exchange::query_integer(std::string_view name, std::int64_t fallback, std::int64_t low,
                                     std::int64_t high) const {
  const std::string text = query(name);
  if (text.empty()) return fallback;
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    throw RequestError(400,
                       fmt::format("'{}' must be a whole number from {} to {}.", name, low, high),
                       std::string(name));
  }
  return value;
}

void Exchange::send_json(const nlohmann::json& body, int status) const {
  response_->status = status;
  response_->set_content(dump_json(body), "application/json");
}

std::string dump_json(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tandem
