#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "generator/grammar/formats.h"
#include "generator/grammar/pattern.h"
#include "generator/grammar/schema_compiler.h"
#include "generator/grammar/schema_limits.h"

namespace tandem::grammar {
namespace {

// The value of a keyword that counts; `absent` where it is not there.
std::uint32_t count(const Json& schema, const char* keyword, std::uint32_t absent,
                    const std::string& path) {
  const auto found = schema.find(keyword);
  if (found == schema.end()) return absent;
  if (!has_type(*found, "integer") || *found < 0)
    refuse_schema(path, fmt::format("has a '{}' that is no count", keyword));
  const double value = found->get<double>();
  // No text is that long, so that a larger maximum is none.
  if (value >= static_cast<double>(kUnlimited)) return kUnlimited;
  return static_cast<std::uint32_t>(value);
}

}  // namespace

std::pair<std::uint32_t, std::uint32_t> SchemaCompiler::counts(const Json& schema, const char* min,
                                                               const char* max,
                                                               const std::string& path) {
  const std::uint32_t least = count(schema, min, 0, path);
  if (least > kMaxRequiredCount)
    throw Error(ErrorCode::kTooLarge,
                fmt::format("the schema at {} demands a '{}' of {}, at most {} is possible", path,
                            min, least, kMaxRequiredCount),
                "ask for less");
  return {least, count(schema, max, kUnlimited, path)};
}

const CharacterAutomaton& SchemaCompiler::automaton(const std::string& pattern) {
  const auto [found, is_new] = automata_.try_emplace(pattern);
  if (is_new) found->second = parse_pattern(pattern);
  return found->second;
}

Address SchemaCompiler::text(const Json& schema, const std::string& path, Address next) {
  const auto [min, max] = counts(schema, "minLength", "maxLength", path);
  if (min > max) return nothing(path, "'minLength' above 'maxLength'");
  std::vector<std::string> patterns;
  if (const auto pattern = schema.find("pattern"); pattern != schema.end()) {
    if (!pattern->is_string()) refuse_schema(path, "has a 'pattern' that is no text");
    patterns.push_back(pattern->get<std::string>());
  }
  if (const auto format = schema.find("format"); format != schema.end()) {
    if (!format->is_string()) refuse_schema(path, "has a 'format' that is no text");
    if (const auto pattern = format_pattern(format->get_ref<const std::string&>()))
      patterns.emplace_back(*pattern);
  }
  if (patterns.empty()) return emit_string(min, max, next, builder_);
  CharacterAutomaton accepted = automaton(patterns[0]);
  if (patterns.size() > 1) accepted = intersect(accepted, automaton(patterns[1]));
  if (min > 0 || max != kUnlimited) accepted = intersect(accepted, any_text(min, max));
  if (accepted.states.empty()) return nothing(path, "a pattern that matches no text");
  return builder_.literal("\"", emit(accepted, builder_.literal("\"", next), builder_));
}

Address SchemaCompiler::number(const Json& schema, std::string_view type, const std::string& path,
                               Address next) {
  const bool whole = type == "integer";
  Bounds bounds;
  const auto read = [&](const char* keyword, bool is_min, bool excluded) {
    const auto found = schema.find(keyword);
    if (found == schema.end()) return;
    if (!found->is_number())
      refuse_schema(path, fmt::format("has a '{}' that is no number", keyword));
    const double exact = found->get<double>();
    const double rounded = is_min ? std::ceil(exact) : std::floor(exact);
    if (rounded != exact && !whole)
      refuse_schema(path, fmt::format("has a '{}' that is no whole number", keyword),
                    "numbers can be held to whole bounds only; round it");
    excluded = excluded && rounded == exact;
    constexpr double kLimit = 4e18;  // within 64 bits, and beyond every number that is written
    const auto bound = found->is_number_integer() && std::abs(exact) < kLimit
                           ? found->get<std::int64_t>()
                           : static_cast<std::int64_t>(std::clamp(rounded, -kLimit, kLimit));
    auto& side = is_min ? bounds.min : bounds.max;
    auto& side_excluded = is_min ? bounds.min_excluded : bounds.max_excluded;
    if (side && *side == bound) {
      side_excluded = side_excluded || excluded;
    } else if (!side || (is_min ? bound > *side : bound < *side)) {
      side = bound;
      side_excluded = excluded;
    }
  };
  read("minimum", true, false);
  read("exclusiveMinimum", true, true);
  read("maximum", false, false);
  read("exclusiveMaximum", false, true);
  const std::string pattern = whole ? integer_pattern(bounds) : number_pattern(bounds);
  if (pattern.empty()) return nothing(path, "bounds with no number between them");
  return emit(automaton(pattern), next, builder_);
}

}  // namespace tandem::grammar
