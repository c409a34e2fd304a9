#include "trainer/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tandem {
namespace {

constexpr double kWidth = 480;
constexpr double kHeight = 200;
constexpr double kLeft = 56;  // of the plot, inside
constexpr double kRight = 472;
constexpr double kTop = 28;
constexpr double kBottom = 176;
constexpr std::size_t kMaxPoints = 400;
constexpr std::size_t kSmoothedFrom = 100;

struct Range {
  double low = 0;
  double high = 0;
};

// A round distance between some four ticks (1, 2 or 5 times a power of ten).
double tick_distance(const Range& range) {
  const double rough = (range.high - range.low) / 4;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) return factor * power;
  return 10 * power;
}

Range range_of(const Curve& curve, bool of_steps) {
  Range range;
  const auto value = [&](const auto& point) { return of_steps ? point.first : point.second; };
  const auto [low, high] =
      std::minmax_element(curve.begin(), curve.end(),
                          [&](const auto& a, const auto& b) { return value(a) < value(b); });
  range = {value(*low), value(*high)};
  // A line that is level, or nearly, would be magnified to noise.
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  if (range.high - range.low <= size * 1e-6) {
    const double around = size > 0 ? size / 10 : 1;
    range = {range.low - around, range.high + around};
  }
  return range;
}

Curve thinned(const Curve& curve) {
  if (curve.size() <= kMaxPoints) return curve;
  Curve points;
  for (std::size_t i = 0; i < kMaxPoints; ++i) {
    const std::size_t begin = i * curve.size() / kMaxPoints;
    const std::size_t end = (i + 1) * curve.size() / kMaxPoints;
    double sum = 0;
    for (std::size_t j = begin; j < end; ++j) sum += curve[j].second;
    points.emplace_back(curve[begin].first, sum / static_cast<double>(end - begin));
  }
  return points;
}

Curve smoothed(const Curve& curve) {
  Curve line = curve;
  double mean = curve.front().second;
  for (auto& [step, value] : line) value = mean = 0.95 * mean + 0.05 * value;
  return line;
}

class Plot {
 public:
  explicit Plot(const Curve& curve)
      : steps_(range_of(curve, true)), values_(range_of(curve, false)) {}

  double x(double step) const {
    return kLeft + (step - steps_.low) / (steps_.high - steps_.low) * (kRight - kLeft);
  }
  double y(double value) const {
    return kBottom - (value - values_.low) / (values_.high - values_.low) * (kBottom - kTop);
  }

  std::string grid() const {
    std::string svg;
    const double rise = tick_distance(values_);
    for (double tick = std::ceil(values_.low / rise) * rise; tick <= values_.high; tick += rise) {
      const double height = y(tick);
      svg += fmt::format(
          "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
          "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>",
          kLeft, kRight, height, height, kLeft - 6, height + 4,
          std::abs(tick) < rise / 1000 ? 0.0 : tick);
    }
    const double run = std::max(1.0, tick_distance(steps_));
    for (double tick = std::ceil(steps_.low / run) * run; tick <= steps_.high; tick += run)
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>",
                         x(tick), kBottom + 18, tick);
    return svg;
  }

  std::string line(const Curve& curve, std::string_view style) const {
    if (curve.size() == 1)
      return fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"/>", style,
                         x(curve.front().first), y(curve.front().second));
    std::string points;
    for (const auto& [step, value] : curve)
      points += fmt::format("{:.1f},{:.1f} ", x(step), y(value));
    return fmt::format("<polyline class=\"{}\" points=\"{}\"/>", style, points);
  }

 private:
  Range steps_;
  Range values_;
};

}  // namespace

std::string html_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string line_chart(std::string_view name, const Curve& curve) {
  if (curve.empty()) return {};
  const Plot plot(curve);
  const std::string label = html_text(name);
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}: from {:.4g} to {:.4g}\">"
      "<text class=\"name\" x=\"{}\" y=\"16\">{}</text>",
      kWidth, kHeight, label, curve.front().second, curve.back().second, kLeft, label);
  svg += plot.grid();
  const bool is_long = curve.size() > kSmoothedFrom;
  svg += plot.line(thinned(curve), is_long ? "faint" : "line");
  if (is_long) svg += plot.line(thinned(smoothed(curve)), "line");
  return svg + "</svg>\n";
}

}  // namespace tandem
