#include "retriever/attribute_json.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"

namespace tandem {

using nlohmann::json;

std::optional<AttributeValue> attribute_value(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

Attributes parse_attributes(const json& object, std::string_view name) {
  constexpr char kAdvice[] = R"(write them as in {"year": 2020, "language": "en", "draft": false})";
  if (!object.is_object()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("'{}' must be an object, not of type {}", name, object.type_name()),
                kAdvice);
  }
  Attributes attributes;
  for (const auto& [key, value] : object.items()) {
    if (value.is_null()) continue;
    auto parsed = attribute_value(value);
    if (!parsed) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("'{}.{}' must be a string, a finite number, true or false, not of "
                              "type {}",
                              name, key, value.type_name()),
                  kAdvice);
    }
    attributes.emplace(key, std::move(*parsed));
  }
  check_attributes(attributes);
  return attributes;
}

json to_json(const Attributes& attributes) {
  // 2020 rather than 2020.0, as it was most probably given.
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  json object = json::object();
  for (const auto& [name, value] : attributes) {
    std::visit([&, &key = name](const auto& plain) { object[key] = plain; }, value);
    const auto* number = std::get_if<double>(&value);
    if (number != nullptr && *number == std::trunc(*number) &&
        std::abs(*number) <= kExactIntegers) {
      object[name] = static_cast<std::int64_t>(*number);
    }
  }
  return object;
}

}  // namespace tandem
