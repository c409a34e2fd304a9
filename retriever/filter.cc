#include "retriever/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "retriever/attribute_json.h"

namespace tandem {
namespace {

using nlohmann::json;

constexpr char kAdvice[] =
    R"(write {"type": "eq", "key": NAME, "value": VALUE} (or ne, gt, gte, lt, lte, in, nin), or )"
    R"({"type": "and", "filters": [...]} (or or))";

constexpr std::array<std::pair<std::string_view, FilterType>, 10> kTypes = {{
    {"eq", FilterType::kEqual},
    {"ne", FilterType::kNotEqual},
    {"gt", FilterType::kGreater},
    {"gte", FilterType::kGreaterOrEqual},
    {"lt", FilterType::kLess},
    {"lte", FilterType::kLessOrEqual},
    {"in", FilterType::kIn},
    {"nin", FilterType::kNotIn},
    {"and", FilterType::kAnd},
    {"or", FilterType::kOr},
}};

bool is_group(FilterType type) {
  return type == FilterType::kAnd || type == FilterType::kOr;
}
bool is_list(FilterType type) {
  return type == FilterType::kIn || type == FilterType::kNotIn;
}
bool is_equality(FilterType type) {
  return type == FilterType::kEqual || type == FilterType::kNotEqual;
}

bool is_built_in(std::string_view key) {
  constexpr std::array<std::string_view, 5> kNames = {"$id", "$source", "$title", "$media_type",
                                                      "$created_at"};
  return std::find(kNames.begin(), kNames.end(), key) != kNames.end();
}

[[noreturn]] void refuse(const std::string& place, std::string_view problem) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("'{}' {}", place, problem), kAdvice);
}

class FilterParser {
 public:
  Filter parse(const json& node, const std::string& place, int depth) {
    if (depth > kMaxFilterDepth) {
      refuse(place, fmt::format("nests deeper than {} levels", kMaxFilterDepth));
    }
    count_term(place);
    if (!node.is_object()) {
      refuse(place, fmt::format("must be an object, not of type {}", node.type_name()));
    }
    Filter filter;
    filter.type = parse_type(node, place);
    check_fields(node, place, filter.type);
    if (is_group(filter.type)) {
      parse_group(node, place, depth, filter);
    } else {
      parse_comparison(node, place, filter);
    }
    return filter;
  }

 private:
  void count_bytes(std::string_view text, const std::string& place) {
    bytes_ += text.size();
    if (bytes_ > kMaxFilterBytes) {
      refuse(place,
             fmt::format("is beyond the {} bytes of text that a filter may have", kMaxFilterBytes));
    }
  }

  void count_term(const std::string& place) {
    if (++terms_ > kMaxFilterTerms) {
      refuse(place, fmt::format("is beyond the {} comparisons and values that a filter may have",
                                kMaxFilterTerms));
    }
  }

  static FilterType parse_type(const json& node, const std::string& place) {
    const auto type = node.find("type");
    if (type == node.end()) refuse(place + ".type", "is missing");
    if (type->is_string()) {
      for (const auto& [name, value] : kTypes) {
        if (type->get_ref<const std::string&>() == name) return value;
      }
    }
    refuse(place + ".type", "must be one of eq, ne, gt, gte, lt, lte, in, nin, and, or");
  }

  // A field that is misspelt, or of the other kind of filter, would otherwise select too much.
  static void check_fields(const json& node, const std::string& place, FilterType type) {
    for (const auto& [name, value] : node.items()) {
      const bool known =
          name == "type" || (is_group(type) ? name == "filters" : name == "key" || name == "value");
      if (!known) {
        refuse(place, fmt::format("has a field that '{}' filters do not have",
                                  node.at("type").get_ref<const std::string&>()));
      }
    }
  }

  void parse_group(const json& node, const std::string& place, int depth, Filter& filter) {
    const std::string list_place = place + ".filters";
    const auto list = node.find("filters");
    if (list == node.end()) refuse(list_place, "is missing");
    if (!list->is_array()) {
      refuse(list_place, fmt::format("must be an array, not of type {}", list->type_name()));
    }
    if (list->empty()) refuse(list_place, "must hold at least one filter");
    for (std::size_t i = 0; i < list->size(); ++i) {
      filter.filters.push_back(parse((*list)[i], fmt::format("{}[{}]", list_place, i), depth + 1));
    }
  }

  void parse_comparison(const json& node, const std::string& place, Filter& filter) {
    const auto key = node.find("key");
    if (key == node.end()) refuse(place + ".key", "is missing");
    if (!key->is_string()) {
      refuse(place + ".key", fmt::format("must be a string, not of type {}", key->type_name()));
    }
    filter.key = key->get<std::string>();
    count_bytes(filter.key, place + ".key");
    if (filter.key.starts_with(kBuiltInAttributeMark) && !is_built_in(filter.key)) {
      refuse(place + ".key",
             "begins with '$' but is none of $id, $source, $title, $media_type, $created_at");
    }

    const std::string value_place = place + ".value";
    const auto value = node.find("value");
    if (value == node.end()) refuse(value_place, "is missing");
    if (!is_list(filter.type)) {
      filter.values.push_back(parse_value(*value, value_place));
      if (std::holds_alternative<bool>(filter.values[0]) && !is_equality(filter.type)) {
        refuse(value_place, "is true or false, which have no order; compare with eq, ne, in, nin");
      }
      return;
    }
    if (!value->is_array()) {
      refuse(value_place, fmt::format("must be an array, not of type {}", value->type_name()));
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
      const std::string element_place = fmt::format("{}[{}]", value_place, i);
      count_term(element_place);
      filter.values.push_back(parse_value((*value)[i], element_place));
    }
  }

  AttributeValue parse_value(const json& value, const std::string& place) {
    if (value.is_string()) count_bytes(value.get_ref<const std::string&>(), place);
    if (auto parsed = attribute_value(value)) return std::move(*parsed);
    refuse(place, fmt::format("must be a string, a finite number, true or false, not of type {}",
                              value.type_name()));
  }

  std::size_t terms_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

Filter parse_filter(const json& json, std::string_view name) {
  return FilterParser().parse(json, std::string(name), 1);
}

Filter parse_filter_text(std::string_view text, std::string_view name) {
  if (text.size() > kMaxFilterBytes) {
    refuse(std::string(name), fmt::format("has more than {} bytes", kMaxFilterBytes));
  }
  json parsed;
  try {
    parsed = json::parse(text.begin(), text.end());
  } catch (const json::exception&) {
    refuse(std::string(name), "is not JSON");
  }
  return parse_filter(parsed, name);
}

std::string reader_attribute(std::string_view reader) {
  return "$reader:" + std::string(reader);
}

Filter visible_to(const Readers& who) {
  const auto is = [](FilterType type, std::string key) {
    return Filter{.type = type, .key = std::move(key), .values = {true}, .filters = {}};
  };
  Filter visible{.type = FilterType::kOr,
                 .key = {},
                 .values = {},
                 .filters = {is(FilterType::kNotEqual, kRestrictedAttribute)}};
  for (const std::string& name : who) {
    visible.filters.push_back(is(FilterType::kEqual, reader_attribute(name)));
  }
  return visible;
}

}  // namespace tandem
