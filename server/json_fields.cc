#include "server/json_fields.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "retriever/attribute_json.h"
#include "server/http_error.h"
#include "store/store.h"

namespace tandem {

using nlohmann::json;

json parse_json_object(std::string_view text) {
  std::size_t values = 0;
  // The parser and the destructor of a value are iterative, so depth is a matter of memory; the
  // limit stands for the code behind them that recurses.
  const json::parser_callback_t check = [&](int depth, json::parse_event_t event, json&) {
    if (depth > kMaxJsonDepth) {
      throw RequestError(400, fmt::format("The body nests deeper than {} levels.", kMaxJsonDepth));
    }
    const bool opens =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if ((opens || event == json::parse_event_t::value) && ++values > kMaxJsonValues) {
      throw RequestError(400, fmt::format("The body holds more than {} values.", kMaxJsonValues));
    }
    return true;
  };
  json body;
  try {
    body = json::parse(text.begin(), text.end(), check);
  } catch (const json::parse_error& error) {
    throw RequestError(400,
                       text.empty()
                           ? std::string("The body is empty; it must be a JSON object.")
                           : fmt::format("The body is not valid JSON in UTF-8: it breaks off "
                                         "or goes wrong at byte {}.",
                                         error.byte),
                       {}, "invalid_json");
  } catch (const json::exception&) {
    throw RequestError(400, "The body holds a number that is out of range.", {}, "invalid_json");
  }
  if (!body.is_object()) {
    throw RequestError(400,
                       fmt::format("The body must be a JSON object, not {}.", describe_type(body)));
  }
  return body;
}

std::string path_of_element(std::string_view array, std::size_t i) {
  return fmt::format("{}[{}]", array, i);
}

std::string_view describe_type(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "an array";
    case json::value_t::string:
      return "a string";
    case json::value_t::boolean:
      return "a boolean";
    default:
      return "a number";
  }
}

Fields::Fields(const json& object, std::string path) : object_(&object), path_(std::move(path)) {
  if (!object.is_object()) {
    throw RequestError(
        400, fmt::format("'{}' must be an object, not {}.", path_, describe_type(object)), path_);
  }
}

const json* Fields::find(std::string_view name) const {
  const auto it = object_->find(name);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

std::string Fields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void Fields::fail(std::string_view name, std::string_view problem) const {
  throw RequestError(400, fmt::format("'{}' {}", path_of(name), problem), path_of(name));
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    fail(name, fmt::format("must be a string, not {}.", describe_type(*value)));
  }
  return value->get<std::string>();
}

std::optional<double> Fields::number(std::string_view name, double low, double high) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fail(name, fmt::format("must be a number, not {}.", describe_type(*value)));
  }
  const auto number = value->get<double>();
  if (!(number >= low && number <= high)) {
    fail(name, fmt::format("must be from {} to {}, not {}.", low, high, number));
  }
  return number;
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t low,
                                            std::int64_t high) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fail(name, fmt::format("must be a whole number, not {}.", describe_type(*value)));
  }
  const auto out_of_range = [&] {
    fail(name, fmt::format("must be a whole number from {} to {}.", low, high));
  };
  std::int64_t number = 0;
  if (value->is_number_unsigned()) {
    const auto large = value->get<std::uint64_t>();
    if (large > static_cast<std::uint64_t>(INT64_MAX)) out_of_range();
    number = static_cast<std::int64_t>(large);
  } else if (value->is_number_integer()) {
    number = value->get<std::int64_t>();
  } else {
    const auto real = value->get<double>();
    // 2^63 itself is a double and no int64_t.
    if (!(std::abs(real) < 9.2e18) || real != std::trunc(real)) out_of_range();
    number = static_cast<std::int64_t>(real);
  }
  if (number < low || number > high) out_of_range();
  return number;
}

std::optional<bool> Fields::boolean(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    fail(name, fmt::format("must be true or false, not {}.", describe_type(*value)));
  }
  return value->get<bool>();
}

std::optional<Fields> Fields::object(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  return Fields(*value, path_of(name));
}

std::optional<std::string> Fields::collection(std::string_view name) const {
  std::optional<std::string> value = text(name);
  try {
    if (value) check_collection_name(*value);
  } catch (const Error& error) {
    fail(name, fmt::format("is not a collection's name: {}", error.what()));
  }
  return value;
}

template <typename Parse>
auto Fields::parsed(std::string_view name, const Parse& parse) const {
  const json* value = find(name);
  using Parsed = decltype(parse(*value, name));
  try {
    return value == nullptr ? std::nullopt : std::optional<Parsed>(parse(*value, path_of(name)));
  } catch (const Error& error) {
    throw RequestError(400, error.what(), path_of(name));
  }
}

std::optional<Filter> Fields::filter(std::string_view name) const {
  return parsed(name,
                [](const json& value, std::string_view path) { return parse_filter(value, path); });
}

std::size_t Fields::reranked(std::string_view name) const {
  const json* value = find(name);
  if (value == nullptr) return 0;
  if (value->is_boolean()) return value->get<bool>() ? kDefaultReranked : 0;
  return static_cast<std::size_t>(integer(name, 1, kMaxReranked).value_or(0));
}

std::optional<Attributes> Fields::attributes(std::string_view name) const {
  return parsed(name, parse_attributes);
}

std::optional<Readers> Fields::readers(std::string_view name) const {
  return parsed(name, [](const json& value, std::string_view path) {
    Readers readers;
    if (!value.is_array()) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' must be an array of strings, not {}", path, describe_type(value)));
    }
    for (const json& name : value) {
      if (!name.is_string()) {
        throw Error(
            ErrorCode::kInvalidArgument,
            fmt::format("'{}' has {} in it; it must have strings only", path, describe_type(name)));
      }
      readers.push_back(name);
    }
    return checked_readers(std::move(readers));
  });
}

std::optional<Metadata> Fields::metadata(std::string_view name) const {
  const json* const value = find(name);
  if (value == nullptr) return std::nullopt;
  const Fields pairs(*value, path_of(name));
  if (value->size() > kMaxMetadata) {
    fail(name, fmt::format("has more than {} pairs.", kMaxMetadata));
  }
  Metadata metadata;
  for (const auto& [key, text] : value->items()) {
    if (key.empty() || count_code_points(key) > kMaxMetadataName) {
      fail(name, fmt::format("has a name that is not of 1 to {} characters.", kMaxMetadataName));
    }
    const std::string content = pairs.text(key).value_or("");
    if (count_code_points(content) > kMaxMetadataValue) {
      pairs.fail(key, fmt::format("has more than {} characters.", kMaxMetadataValue));
    }
    metadata.emplace(key, content);
  }
  return metadata;
}

const json* Fields::array(std::string_view name, std::size_t max_size) const {
  const json* value = find(name);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) {
    fail(name, fmt::format("must be an array, not {}.", describe_type(*value)));
  }
  if (value->size() > max_size) {
    fail(name, fmt::format("has {} elements; at most {} are allowed.", value->size(), max_size));
  }
  return value;
}

}  // namespace tandem
