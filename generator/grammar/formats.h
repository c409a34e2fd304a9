// The patterns that stand for `format` and for bounds of numbers.
#ifndef TANDEM_GENERATOR_GRAMMAR_FORMATS_H_
#define TANDEM_GENERATOR_GRAMMAR_FORMATS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::grammar {

// Anchored; none for a format that is only a remark (JSON Schema leaves unknown ones to the
// reader). What is matched is always valid; rare valid texts are left out, such as a leap second,
// the 29th of February, or quoted mailboxes.
std::optional<std::string_view> format_pattern(std::string_view format);

struct Bounds {
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  bool min_excluded = false;
  bool max_excluded = false;
};

// Integers within `bounds`, of at most 18 digits so that every reader can hold them. Empty if there
// is none.
std::string integer_pattern(const Bounds& bounds);

// Decimal numbers. Without bounds as JSON has them, with at most 16 digits before the point, 15
// after it and an exponent of two. With bounds: at most 9 digits before the point, 6 after it and
// no exponent, so that no reader's rounding crosses a bound. Empty if there is none.
std::string number_pattern(const Bounds& bounds);

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_FORMATS_H_
