#include "generator/grammar/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "generator/grammar/schema_compiler.h"
#include "generator/grammar/schema_limits.h"
#include "generator/grammar/schema_merge.h"

namespace tandem::grammar {
namespace {

// Values copied while schemas are combined; `allOf` inside `allOf` can ask for exponentially many.
constexpr std::size_t kMaxMergeWork = 2'000'000;

constexpr std::string_view kTypes[] = {"object",  "array",   "string", "number",
                                       "integer", "boolean", "null"};

// Which type a schema speaks of by its other keywords, where it does not say so.
struct Hint {
  std::string_view type;
  std::initializer_list<std::string_view> keywords;
};
const Hint kHints[] = {
    {"object", {"properties", "required", "additionalProperties"}},
    {"array", {"items", "prefixItems", "minItems", "maxItems"}},
    {"string", {"minLength", "maxLength", "pattern", "format"}},
    {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
};

// Whether all keywords but those of the list are annotations.
bool only(const Json& schema, std::initializer_list<std::string_view> keywords) {
  for (const auto& [keyword, value] : schema.items())
    if (!is_annotation(keyword) &&
        std::find(keywords.begin(), keywords.end(), keyword) == keywords.end())
      return false;
  return true;
}

std::string reference_of(const Json& schema, const std::string& path) {
  const Json& reference = schema.at("$ref");
  if (!reference.is_string()) refuse_schema(path, "has a '$ref' that is no text");
  return reference.get<std::string>();
}

// "%20" and its like, which a pointer may be written with since it is part of a URI.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      decoded.push_back(static_cast<char>(value));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

std::vector<std::string_view> types_of(const Json& schema, const std::string& path) {
  std::vector<std::string_view> types;
  const auto add = [&](const Json& name) {
    const auto* text = name.get_ptr<const std::string*>();
    const auto known =
        text == nullptr ? std::end(kTypes) : std::find(std::begin(kTypes), std::end(kTypes), *text);
    if (known == std::end(kTypes))
      refuse_schema(path, fmt::format("has an unknown type {}", name.dump().substr(0, 100)));
    if (std::find(types.begin(), types.end(), *known) == types.end()) types.push_back(*known);
  };
  const auto type = schema.find("type");
  if (type == schema.end()) return {std::begin(kTypes), std::end(kTypes)};
  if (type->is_array()) {
    for (const Json& name : *type) add(name);
  } else {
    add(*type);
  }
  return types;
}

}  // namespace

bool has_type(const Json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return value.is_number_integer() ||
         (value.is_number() && std::trunc(value.get<double>()) == value.get<double>());
}

void refuse_schema(const std::string& path, std::string_view what, std::string advice) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("the schema at {} {}", path, what),
              std::move(advice));
}

std::string shortened(const std::string& name) {
  return name.substr(0, 100);
}

Program SchemaCompiler::run() {
  check_schema_size(root_);
  return finish(value(root_, "#", builder_.end(), 0));
}

Program SchemaCompiler::run_any_object() {
  return finish(object(Json::object(), "#", builder_.end(), 0));
}

Program SchemaCompiler::finish(Address start) {
  // Rules that are referred to, which may refer to more.
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const Rule rule = rules_[i];
    const Address begin = rule.schema == nullptr
                              ? any_value_body()
                              : value(*rule.schema, rule.path, builder_.returning(), 0);
    builder_.set_rule(i, begin);
  }
  auto result = std::move(builder_).finish(start);
  if (result.circular_rule)
    refuse_schema(rules_[*result.circular_rule].path, "refers to itself with nothing in between");
  if (result.program) return std::move(*result.program);
  if (!unsatisfiable_.empty())
    throw Error(ErrorCode::kInvalidArgument, "no text satisfies the schema: " + unsatisfiable_,
                "correct the schema");
  if (result.endless_rule)
    refuse_schema(rules_[*result.endless_rule].path, "contains itself without end",
                  "make the inner one optional, or let it be null");
  throw Error(ErrorCode::kInvalidArgument, "no text satisfies the schema", "correct the schema");
}

// An alternative that cannot be chosen; an error only if nothing else can be chosen either.
Address SchemaCompiler::nothing(const std::string& path, std::string_view why) {
  if (unsatisfiable_.empty()) unsatisfiable_ = fmt::format("{} at {}", why, path);
  return builder_.nothing();
}

Address SchemaCompiler::value(const Json& schema, const std::string& path, Address next,
                              int depth) {
  if (depth > kMaxSchemaDepth)
    refuse_schema(path.substr(0, 200), fmt::format("is nested more than {} deep", kMaxSchemaDepth),
                  "move inner schemas to '$defs'; combine nothing with itself");
  if (schema.is_boolean()) return schema.get<bool>() ? any_value(next) : nothing(path, "'false'");
  if (!schema.is_object()) refuse_schema(path, "is neither an object nor a boolean");
  check_keywords(schema, path);
  if (schema.contains("$ref") && only(schema, {"$ref"})) return reference(schema, path, next);
  if (schema.contains("$ref") || schema.contains("allOf"))
    return value(flatten(schema, path, 0), path, next, depth + 1);
  for (const char* keyword : {"anyOf", "oneOf"})
    if (schema.contains(keyword)) return alternatives(schema, keyword, path, next, depth);
  if (schema.contains("const") || schema.contains("enum")) return enumeration(schema, path, next);
  return typed(schema, path, next, depth);
}

Address SchemaCompiler::reference(const Json& schema, const std::string& path, Address next) {
  std::string target = reference_of(schema, path);
  const Json& resolved = resolve(target, path);
  return builder_.call(rule_of(std::move(target), &resolved), next);
}

std::uint32_t SchemaCompiler::rule_of(std::string path, const Json* schema) {
  const auto [found, is_new] = rule_ids_.try_emplace(std::move(path), 0);
  if (is_new) {
    found->second = builder_.add_rule();
    rules_.push_back({found->first, schema});
  }
  return found->second;
}

const Json& SchemaCompiler::resolve(const std::string& reference, const std::string& path) const {
  if (reference != "#" && !reference.starts_with("#/"))
    refuse_schema(path, fmt::format("refers to '{}', outside of itself", shortened(reference)),
                  "move what is referred to into '$defs' of this schema");
  try {
    const Json::json_pointer pointer(percent_decoded(std::string_view(reference).substr(1)));
    if (root_.contains(pointer)) return root_.at(pointer);
  } catch (const nlohmann::json::exception&) {
    // A pointer that is none: reported below like one that leads nowhere.
  }
  refuse_schema(path, fmt::format("refers to '{}', which is not there", shortened(reference)));
}

// `schema` without `$ref` and `allOf`, whose demands are merged into it.
Json SchemaCompiler::flatten(const Json& schema, const std::string& path, int depth) {
  if (depth > kMaxSchemaDepth) refuse_schema(path, "refers to itself with nothing in between");
  if (schema.is_boolean()) return schema;
  if (!schema.is_object())
    refuse_schema(path, "has a part that is neither an object nor a boolean");
  Json result = schema;
  result.erase("$ref");
  result.erase("allOf");
  if (schema.contains("$ref")) {
    const Json& target = resolve(reference_of(schema, path), path);
    result = merge(flatten(target, path, depth + 1), result, path);
  }
  if (const auto parts = schema.find("allOf"); parts != schema.end()) {
    if (!parts->is_array() || parts->empty()) refuse_schema(path, "has an 'allOf' that is no list");
    for (const Json& part : *parts) result = merge(result, flatten(part, path, depth + 1), path);
  }
  return result;
}

Json SchemaCompiler::merge(const Json& a, const Json& b, const std::string& path) {
  // Names are looked up one after the other, which makes the product of two sizes the cost.
  const std::size_t left = count_values(a);
  const std::size_t right = count_values(b);
  merge_work_ +=
      left + right + std::min(left, kMaxProperties) * std::min(right, kMaxProperties) / 64;
  if (merge_work_ > kMaxMergeWork)
    throw Error(ErrorCode::kTooLarge, "the parts of 'allOf' in the schema are too many to combine",
                "write the combined schema out in one place");
  return merge_schemas(a, b, path);
}

Address SchemaCompiler::alternatives(const Json& schema, const char* keyword,
                                     const std::string& path, Address next, int depth) {
  const Json& list = schema.at(keyword);
  if (!list.is_array()) refuse_schema(path, fmt::format("has an '{}' that is no list", keyword));
  if (list.empty()) return nothing(path, fmt::format("an empty '{}'", keyword));
  if (list.size() > kMaxAlternatives)
    throw Error(ErrorCode::kTooLarge,
                fmt::format("the schema at {} has {} alternatives, at most {} are possible", path,
                            list.size(), kMaxAlternatives),
                "use 'enum' for values, or split the schema");
  const bool alone = only(schema, {keyword});
  Json beside = alone ? Json() : schema;
  if (!alone) beside.erase(keyword);
  std::vector<Address> starts;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string inner = fmt::format("{}/{}/{}", path, keyword, i);
    starts.push_back(
        alone ? value(list[i], inner, next, depth + 1)
              : value(merge(beside, flatten(list[i], inner, 0), inner), inner, next, depth + 1));
  }
  return builder_.fork(starts);
}

Address SchemaCompiler::enumeration(const Json& schema, const std::string& path, Address next) {
  if (!only(schema, {"const", "enum", "type"}))
    refuse_schema(path, "has other demands beside 'enum' or 'const'",
                  "list only the values that meet them");
  Json values = Json::array();
  if (const auto list = schema.find("enum"); list != schema.end()) {
    if (!list->is_array()) refuse_schema(path, "has an 'enum' that is no list");
    values = *list;
  } else {
    values.push_back(schema.at("const"));
  }
  const bool has_const = schema.contains("const");
  std::vector<std::string> texts;
  std::vector<Address> starts;
  for (const Json& candidate : values) {
    if (has_const && candidate != schema.at("const")) continue;
    const auto types = types_of(schema, path);
    if (std::none_of(types.begin(), types.end(),
                     [&](std::string_view type) { return has_type(candidate, type); }))
      continue;
    if (candidate.is_structured()) {
      starts.push_back(emit_value(candidate, next, builder_));
    } else {
      texts.push_back(candidate.dump());
    }
  }
  if (texts.empty() && starts.empty()) return nothing(path, "an enumeration without a value");
  if (starts.size() > kMaxAlternatives)
    throw Error(ErrorCode::kTooLarge,
                fmt::format("the schema at {} lists {} lists and objects, at most {} are possible",
                            path, starts.size(), kMaxAlternatives),
                "describe them by their properties");
  if (!texts.empty()) starts.push_back(builder_.one_of(std::move(texts), next));
  return builder_.fork(starts);
}

Address SchemaCompiler::typed(const Json& schema, const std::string& path, Address next,
                              int depth) {
  std::vector<std::string_view> types;
  if (schema.contains("type")) {
    types = types_of(schema, path);
  } else {
    for (const Hint& hint : kHints)
      if (std::any_of(hint.keywords.begin(), hint.keywords.end(),
                      [&](std::string_view keyword) { return schema.contains(keyword); }))
        types.push_back(hint.type);
    if (types.empty()) return any_value(next);
  }
  std::vector<Address> starts;
  for (const std::string_view type : types) {
    if (type == "object") starts.push_back(object(schema, path, next, depth));
    if (type == "array") starts.push_back(array(schema, path, next, depth));
    if (type == "string") starts.push_back(text(schema, path, next));
    if (type == "number" || type == "integer") starts.push_back(number(schema, type, path, next));
    if (type == "boolean") starts.push_back(builder_.one_of({"true", "false"}, next));
    if (type == "null") starts.push_back(builder_.literal("null", next));
  }
  if (starts.empty()) return nothing(path, "an empty list of types");
  return builder_.fork(starts);
}

Address SchemaCompiler::any_value_body() {
  const Address next = builder_.returning();
  const Json open = Json::object();
  const Address starts[] = {
      object(open, "#", next, 0),
      array(open, "#", next, 0),
      text(open, "#", next),
      number(open, "number", "#", next),
      builder_.one_of({"true", "false", "null"}, next),
  };
  return builder_.fork(starts);
}

Program compile_schema(const Json& schema) {
  return SchemaCompiler(schema).run();
}

Program compile_any_object() {
  const Json none = Json::object();
  return SchemaCompiler(none).run_any_object();
}

}  // namespace tandem::grammar
