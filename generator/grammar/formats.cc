#include "generator/grammar/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tandem::grammar {
namespace {

constexpr std::int64_t kLargestInteger = 999'999'999'999'999'999;
constexpr std::int64_t kLargestWhole = 999'999'999;  // of a number with bounds

// Numbers from `low` to `high`, both with the same number of digits, as alternatives.
std::string same_length(std::string_view low, std::string_view high) {
  if (low.empty()) return "";
  const bool all =
      low.find_first_not_of('0') == low.npos && high.find_first_not_of('9') == high.npos;
  if (all) return fmt::format("[0-9]{{{}}}", low.size());
  const auto low_rest = low.substr(1);
  const auto high_rest = high.substr(1);
  if (low[0] == high[0]) return fmt::format("{}(?:{})", low[0], same_length(low_rest, high_rest));
  const std::string nines(low_rest.size(), '9');
  const std::string zeros(low_rest.size(), '0');
  std::string pattern = fmt::format("{}(?:{})|", low[0], same_length(low_rest, nines));
  if (high[0] - low[0] > 1)
    pattern += fmt::format("[{}-{}][0-9]{{{}}}|", static_cast<char>(low[0] + 1),
                           static_cast<char>(high[0] - 1), low_rest.size());
  return pattern + fmt::format("{}(?:{})", high[0], same_length(zeros, high_rest));
}

// Whole numbers from `low` to `high`, 0 <= low, without leading zeros; empty if low > high.
std::string whole_pattern(std::int64_t low, std::int64_t high) {
  std::string pattern;
  while (low <= high) {
    const std::string first = std::to_string(low);
    const std::int64_t longest = std::stoll(std::string(first.size(), '9'));
    const std::string last = std::to_string(std::min(high, longest));
    pattern += (pattern.empty() ? "" : "|") + same_length(first, last);
    low = longest + 1;
  }
  return pattern;
}

void add(std::string& alternatives, const std::string& prefix, const std::string& whole,
         std::string_view suffix) {
  if (whole.empty()) return;
  if (!alternatives.empty()) alternatives += '|';
  alternatives += fmt::format("{}(?:{}){}", prefix, whole, suffix);
}

std::string anchored(const std::string& alternatives) {
  return alternatives.empty() ? "" : fmt::format("^(?:{})$", alternatives);
}

struct Range {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

Range integers_within(const Bounds& bounds, std::int64_t largest) {
  Range range = {-largest, largest};
  if (bounds.min && *bounds.min >= -largest)
    range.low = std::min(*bounds.min, largest + 1) + (bounds.min_excluded ? 1 : 0);
  if (bounds.max && *bounds.max <= largest)
    range.high = std::max(*bounds.max, -largest - 1) - (bounds.max_excluded ? 1 : 0);
  return range;
}

void add_integers(const Range& range, std::string& alternatives) {
  add(alternatives, "", whole_pattern(std::max<std::int64_t>(range.low, 0), range.high), "");
  add(alternatives, "-", whole_pattern(std::max<std::int64_t>(-range.high, 1), -range.low), "");
}

// Numbers with a fraction whose distance from zero is between `low` and `high`, on the side of zero
// that `sign` says. The distance `low` itself, as in "3.000", is left out where it is excluded.
void add_fractions(const std::string& sign, std::int64_t low, std::int64_t high, bool low_excluded,
                   std::string& alternatives) {
  constexpr std::string_view kFraction = R"(\.[0-9]{1,6})";
  constexpr std::string_view kPositiveFraction =
      R"(\.(?:[1-9][0-9]{0,5}|0[1-9][0-9]{0,4}|00[1-9][0-9]{0,3}|000[1-9][0-9]{0,2}|)"
      R"(0000[1-9][0-9]?|00000[1-9]))";
  if (low_excluded && low < high) {
    add(alternatives, sign, std::to_string(low), kPositiveFraction);
    ++low;
  }
  add(alternatives, sign, whole_pattern(low, high - 1), kFraction);
}

}  // namespace

std::optional<std::string_view> format_pattern(std::string_view format) {
  // February ends on the 28th, whatever the year.
#define TANDEM_DATE                                                                              \
  "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|" \
  "30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
#define TANDEM_TIME                                                                            \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):" \
  "[0-5][0-9])"
#define TANDEM_OCTET "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define TANDEM_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
  static constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
      {"date", "^" TANDEM_DATE "$"},
      {"time", "^" TANDEM_TIME "$"},
      {"date-time", "^" TANDEM_DATE "T" TANDEM_TIME "$"},
      {"duration",
       "^P(?:[0-9]{1,4}W|(?:[0-9]{1,4}Y)?[0-9]{1,4}M|(?:[0-9]{1,4}Y)?(?:[0-9]{1,4}M)?[0-9]{1,4}D|"
       "[0-9]{1,4}Y|T(?:(?:[0-9]{1,4}H)?(?:[0-9]{1,4}M)?[0-9]{1,4}S|(?:[0-9]{1,4}H)?[0-9]{1,4}M|"
       "[0-9]{1,4}H))$"},
      {"uuid", "^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"},
      {"email",
       "^[A-Za-z0-9_+-]+(?:\\.[A-Za-z0-9_+-]+)*@" TANDEM_LABEL "(?:\\." TANDEM_LABEL ")+$"},
      {"hostname", "^" TANDEM_LABEL "(?:\\." TANDEM_LABEL ")*$"},
      {"ipv4", "^(?:" TANDEM_OCTET "\\.){3}" TANDEM_OCTET "$"},
  };
#undef TANDEM_DATE
#undef TANDEM_TIME
#undef TANDEM_OCTET
#undef TANDEM_LABEL
  for (const auto& [name, pattern] : kFormats)
    if (name == format) return pattern;
  return std::nullopt;
}

std::string integer_pattern(const Bounds& bounds) {
  std::string alternatives;
  add_integers(integers_within(bounds, kLargestInteger), alternatives);
  return anchored(alternatives);
}

std::string number_pattern(const Bounds& bounds) {
  if (!bounds.min && !bounds.max)
    return "^-?(?:0|[1-9][0-9]{0,15})(?:\\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?$";
  std::string alternatives;
  add_integers(integers_within(bounds, kLargestWhole), alternatives);
  // Fractions lie between whole numbers, whose bounds are taken as they are.
  const std::int64_t low =
      std::clamp(bounds.min.value_or(-kLargestWhole), -kLargestWhole, kLargestWhole);
  const std::int64_t high =
      std::clamp(bounds.max.value_or(kLargestWhole), -kLargestWhole, kLargestWhole);
  add_fractions("", std::max<std::int64_t>(low, 0), high, low >= 0 && bounds.min_excluded,
                alternatives);
  add_fractions("-", std::max<std::int64_t>(-high, 0), -low, high <= 0 && bounds.max_excluded,
                alternatives);
  return anchored(alternatives);
}

}  // namespace tandem::grammar
