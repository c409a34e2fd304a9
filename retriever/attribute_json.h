// Attributes as JSON: an object of strings, numbers and booleans.
#ifndef TANDEM_RETRIEVER_ATTRIBUTE_JSON_H_
#define TANDEM_RETRIEVER_ATTRIBUTE_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "store/attributes.h"

namespace tandem {

// Nothing for what is no string, finite number or boolean.
std::optional<AttributeValue> attribute_value(const nlohmann::json& value);

// Throws kInvalidArgument, calling the object `name`, for what is no such object, and as
// check_attributes does. Null values stand for attributes that are not there.
Attributes parse_attributes(const nlohmann::json& object, std::string_view name);

nlohmann::json to_json(const Attributes& attributes);

}  // namespace tandem

#endif  // TANDEM_RETRIEVER_ATTRIBUTE_JSON_H_
