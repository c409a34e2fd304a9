#include "generator/grammar/schema_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace tandem::grammar {
namespace {

constexpr std::array<std::string_view, 20> kAnnotations = {
    "title",       "description",      "default",
    "examples",    "example",          "$schema",
    "$id",         "$comment",         "deprecated",
    "readOnly",    "writeOnly",        "$defs",
    "definitions", "$anchor",          "contentEncoding",
    "id",          "contentMediaType", "contentSchema",
    "nullable",    "$vocabulary"};

Json as_list(const Json& value) {
  return value.is_array() ? value : Json::array({value});
}

// A type that both lists allow; an integer is a number too.
Json common_types(const Json& a, const Json& b) {
  const Json left = as_list(a);
  const Json right = as_list(b);
  const auto has = [](const Json& types, const Json& type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  Json common = Json::array();
  for (const Json& type : left)
    if (has(right, type) || (type == "integer" && has(right, "number"))) common.push_back(type);
  for (const Json& type : right)
    if (type == "integer" && !has(left, type) && has(left, "number")) common.push_back(type);
  return common;
}

Json common_values(const Json& a, const Json& b) {
  Json common = Json::array();
  for (const Json& value : a)
    if (std::find(b.begin(), b.end(), value) != b.end()) common.push_back(value);
  return common;
}

Json both(const Json& a, const Json& b) {
  if (a == b) return a;
  return Json{{"allOf", Json::array({a, b})}};
}

class Merger {
 public:
  explicit Merger(const std::string& path) : path_(path) {}

  Json run(const Json& a, const Json& b) {
    if (a.is_boolean()) return a.get<bool>() ? b : a;
    if (b.is_boolean()) return b.get<bool>() ? a : b;
    check_closed(a, b);
    check_closed(b, a);
    // In a tuple, `items` speaks of what follows it, and in the other part of every item.
    if (a.contains("prefixItems") != b.contains("prefixItems") &&
        (a.contains("items") || b.contains("items")))
      fail("'prefixItems' of one part and 'items' of another");
    Json merged = a;
    for (const auto& [keyword, value] : b.items()) {
      const auto present = merged.find(keyword);
      if (present == merged.end()) {
        merged[keyword] = value;
      } else if (*present != value && !is_annotation(keyword)) {
        *present = merge_keyword(keyword, *present, value);
      }
    }
    return merged;
  }

 private:
  Json merge_keyword(const std::string& keyword, const Json& a, const Json& b) {
    if (keyword == "type") return common_types(a, b);
    if (keyword == "enum" && a.is_array() && b.is_array()) return common_values(a, b);
    if (keyword == "items" || keyword == "additionalProperties") return both(a, b);
    if (keyword == "properties" && a.is_object() && b.is_object()) {
      Json properties = a;
      for (const auto& [name, schema] : b.items()) {
        const auto present = properties.find(name);
        if (present == properties.end()) {
          properties[name] = schema;
        } else {
          *present = both(*present, schema);
        }
      }
      return properties;
    }
    if (keyword == "required" && a.is_array() && b.is_array()) {
      Json required = a;
      for (const Json& name : b)
        if (std::find(a.begin(), a.end(), name) == a.end()) required.push_back(name);
      return required;
    }
    if (a.is_number() && b.is_number()) {
      if (keyword.starts_with("min") || keyword == "exclusiveMinimum") return a < b ? b : a;
      if (keyword.starts_with("max") || keyword == "exclusiveMaximum") return a < b ? a : b;
    }
    fail(fmt::format("two different '{}'", keyword));
  }

  // A closed object forbids what the other one adds. The author of such a pair nearly always means
  // the sum of both, which is not what it says.
  void check_closed(const Json& closed, const Json& other) const {
    const auto additional = closed.find("additionalProperties");
    if (additional == closed.end() || *additional == true) return;
    const auto other_properties = other.find("properties");
    if (other_properties == other.end() || !other_properties->is_object()) return;
    const auto properties = closed.find("properties");
    for (const auto& [name, schema] : other_properties->items())
      if (properties == closed.end() || !properties->contains(name))
        fail(fmt::format("'additionalProperties' of one part, which excludes '{}' of another",
                         name.substr(0, 100)));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the parts of the schema at {} cannot be combined: {}", path_, what),
                "write the combined schema out in one place");
  }

  const std::string& path_;
};

}  // namespace

bool is_annotation(std::string_view keyword) {
  return std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end();
}

Json merge_schemas(const Json& a, const Json& b, const std::string& path) {
  return Merger(path).run(a, b);
}

}  // namespace tandem::grammar
