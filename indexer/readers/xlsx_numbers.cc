#include "indexer/readers/xlsx_numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>

namespace tandem {
namespace {

// 31 December 9999, the last day of Excel.
constexpr double kLastDay = 2'958'465;

std::string format_day(long day, bool since_1904) {
  using std::chrono::days;
  using std::chrono::sys_days;
  using std::chrono::year_month_day;
  // Excel counts a 29 February 1900 that never was; its days are right from March 1900 on.
  const sys_days epoch = since_1904 ? sys_days{std::chrono::year{1904} / 1 / 1}
                                    : sys_days{std::chrono::year{1899} / 12 / 30};
  const year_month_day date{epoch + days{day}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string format_time(long second) {
  const long hour = second / 3600;
  const long minute = second / 60 % 60;
  return second % 60 == 0 ? fmt::format("{:02}:{:02}", hour, minute)
                          : fmt::format("{:02}:{:02}:{:02}", hour, minute, second % 60);
}

}  // namespace

NumberFormat builtin_number_format(long id) {
  if (id == 9 || id == 10) return NumberFormat::kPercent;
  if ((id >= 18 && id <= 21) || (id >= 45 && id <= 47)) return NumberFormat::kTime;
  if ((id >= 14 && id <= 17) || id == 22 || (id >= 27 && id <= 36) || (id >= 50 && id <= 58)) {
    return NumberFormat::kDate;
  }
  return NumberFormat::kPlain;
}

NumberFormat parse_number_format(std::string_view code) {
  bool has_time = false;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '"' || c == '[') {
      // Words, colours and conditions; "[h]" counts hours, which stay a number.
      const std::size_t close = code.find(c == '"' ? '"' : ']', i + 1);
      if (close == std::string_view::npos) break;
      i = close;
    } else if (c == '\\' || c == '_' || c == '*') {
      ++i;
    } else if (c == '%') {
      return NumberFormat::kPercent;
    } else if (c == 'y' || c == 'Y' || c == 'd' || c == 'D') {
      return NumberFormat::kDate;
    } else if (c == 'h' || c == 'H' || c == 's' || c == 'S') {
      has_time = true;
    } else if (c == 'G' || c == ';') {
      break;  // "General"; other sections are for other signs
    }
  }
  return has_time ? NumberFormat::kTime : NumberFormat::kPlain;
}

std::string format_number(std::string_view number, NumberFormat format, bool since_1904) {
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(value)) {
    return std::string(number);
  }
  if (format == NumberFormat::kPercent) return fmt::format("{:.15g}%", value * 100);
  if (format == NumberFormat::kPlain || value < 0 || value > kLastDay) {
    return fmt::format("{:.15g}", value);
  }
  constexpr double kSecondsPerDay = 86'400;
  auto day = static_cast<long>(value);
  auto second = std::lround((value - std::floor(value)) * kSecondsPerDay);
  if (second == std::lround(kSecondsPerDay)) {
    ++day;
    second = 0;
  }
  if (format == NumberFormat::kTime && day == 0) return format_time(second);
  std::string text = format_day(day, since_1904);
  if (second > 0) text += " " + format_time(second);
  return text;
}

}  // namespace tandem
