#include "generator/grammar/schema_limits.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem::grammar {
namespace {

struct Unsupported {
  std::string_view keyword;
  std::string_view advice;
};

constexpr std::string_view kListAlternatives = "list what is allowed in 'anyOf'";
constexpr std::string_view kNameProperties = "name the properties, or use 'additionalProperties'";
constexpr std::string_view kCheckAfterwards = "leave it out and check the answer afterwards";

constexpr Unsupported kUnsupported[] = {
    {"not", kListAlternatives},
    {"if", kListAlternatives},
    {"dependentRequired", kListAlternatives},
    {"dependentSchemas", kListAlternatives},
    {"dependencies", kListAlternatives},
    {"patternProperties", kNameProperties},
    {"propertyNames", kNameProperties},
    {"unevaluatedProperties", kNameProperties},
    {"unevaluatedItems", "use 'items'"},
    {"additionalItems", "use 'prefixItems' and 'items'"},
    {"minProperties", "name the required properties"},
    {"maxProperties", kNameProperties},
    {"uniqueItems", kCheckAfterwards},
    {"contains", kCheckAfterwards},
    {"minContains", kCheckAfterwards},
    {"maxContains", kCheckAfterwards},
    {"multipleOf", kCheckAfterwards},
    {"$dynamicRef", "use '$ref'"},
    {"$recursiveRef", "use '$ref'"},
};

// Values with which a keyword demands nothing.
bool is_idle(std::string_view keyword, const Json& value) {
  return (keyword == "uniqueItems" && value == false) ||
         (keyword == "minProperties" && value == 0) ||
         (keyword.starts_with("unevaluated") && value == true);
}

}  // namespace

void check_schema_size(const Json& schema) {
  std::vector<std::pair<const Json*, int>> open = {{&schema, 1}};
  std::size_t values = 0;
  std::size_t text_bytes = 0;
  while (!open.empty()) {
    const auto [value, depth] = open.back();
    open.pop_back();
    if (depth > kMaxSchemaJsonDepth)
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("the schema is nested more than {} deep", kMaxSchemaJsonDepth),
                  "move inner schemas to '$defs' and refer to them");
    values += 1 + value->size();
    if (const auto* text = value->get_ptr<const std::string*>()) {
      text_bytes += text->size();
      if (!is_valid_utf8(*text))
        throw Error(ErrorCode::kInvalidArgument, "a text of the schema is not valid UTF-8");
    }
    if (value->is_object()) {
      for (const auto& [name, member] : value->items()) {
        text_bytes += name.size();
        open.emplace_back(&member, depth + 1);
      }
    } else if (value->is_array()) {
      for (const Json& item : *value) open.emplace_back(&item, depth + 1);
    }
    if (values > 2 * kMaxSchemaValues || text_bytes > kMaxSchemaTextBytes)
      throw Error(ErrorCode::kTooLarge,
                  fmt::format("the schema has more than {} values or {} bytes of text",
                              kMaxSchemaValues, kMaxSchemaTextBytes),
                  "shorten its enumerations, or split it");
  }
}

void check_keywords(const Json& schema, const std::string& path) {
  for (const auto& [keyword, advice] : kUnsupported) {
    const auto found = schema.find(keyword);
    if (found == schema.end() || is_idle(keyword, *found)) continue;
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("the schema at {} uses '{}', which answers cannot be held to", path, keyword),
        std::string(advice));
  }
}

std::size_t count_values(const Json& value) {
  std::size_t count = 1;
  if (value.is_structured())
    for (const Json& inner : value) count += count_values(inner);
  return count;
}

}  // namespace tandem::grammar
