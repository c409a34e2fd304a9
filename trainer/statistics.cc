#include "trainer/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "base/error.h"

namespace tandem {
namespace {

// A number below `count`. std::uniform_int_distribution differs between standard libraries; what
// the remainder prefers is less than one part in 10^12 for any sample that fits into memory.
std::size_t draw_below(std::size_t count, std::mt19937_64& random) {
  return static_cast<std::size_t>(random() % count);
}

// The figure of each draw, in order of size.
std::vector<double> draw(std::size_t size, const Statistic& statistic,
                         const BootstrapOptions& options) {
  std::mt19937_64 random(options.seed);
  std::vector<std::size_t> places(size);
  std::vector<double> figures(options.draws);
  for (double& figure : figures) {
    for (std::size_t& place : places) place = draw_below(size, random);
    figure = statistic(places);
  }
  std::sort(figures.begin(), figures.end());
  return figures;
}

// Between the two nearest of the sorted figures, in proportion.
double quantile(std::span<const double> figures, double share) {
  const double place = share * static_cast<double>(figures.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, figures.size() - 1);
  return std::lerp(figures[below], figures[above], place - static_cast<double>(below));
}

Estimate estimate(double value, std::span<const double> figures, double confidence) {
  const double tail = (1 - confidence) / 2;
  return {value, quantile(figures, tail), quantile(figures, 1 - tail)};
}

std::vector<std::size_t> all_places(std::size_t size) {
  std::vector<std::size_t> places(size);
  std::iota(places.begin(), places.end(), std::size_t{0});
  return places;
}

Statistic mean_of(std::span<const double> values) {
  return [values](std::span<const std::size_t> places) {
    double sum = 0;
    for (const std::size_t place : places) sum += values[place];
    return sum / static_cast<double>(places.size());
  };
}

void check(const BootstrapOptions& options) {
  TANDEM_CHECK(options.draws > 0 && options.confidence > 0 && options.confidence < 1);
}

}  // namespace

Estimate bootstrap(std::size_t size, const Statistic& statistic, const BootstrapOptions& options) {
  check(options);
  if (size == 0) return {};
  return estimate(statistic(all_places(size)), draw(size, statistic, options), options.confidence);
}

Estimate bootstrap_mean(std::span<const double> values, const BootstrapOptions& options) {
  return bootstrap(values.size(), mean_of(values), options);
}

Comparison compare_paired(std::size_t size, const Statistic& difference,
                          const BootstrapOptions& options) {
  check(options);
  if (size == 0) return {};
  const double value = difference(all_places(size));
  const std::vector<double> figures = draw(size, difference, options);
  // Rounding must not tell a draw from one as far away.
  const double distance = std::abs(value) - 1e-12;
  const auto as_far = std::count_if(figures.begin(), figures.end(), [&](double figure) {
    return std::abs(figure - value) >= distance;
  });
  // The sample itself is one more draw: p is never 0, which no number of draws can show.
  const double p = static_cast<double>(as_far + 1) / (static_cast<double>(figures.size()) + 1);
  return {estimate(value, figures, options.confidence), p};
}

Comparison compare_paired(std::span<const double> a, std::span<const double> b,
                          const BootstrapOptions& options) {
  TANDEM_CHECK(a.size() == b.size());
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = b[i] - a[i];
  return compare_paired(differences.size(), mean_of(differences), options);
}

}  // namespace tandem
