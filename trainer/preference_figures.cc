#include "trainer/preference_figures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/error.h"

namespace tandem {
namespace {

// -log sigmoid(x), for any x.
double surprise(double x) {
  return std::max(-x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

}  // namespace

PreferenceFigures preference_figures(std::span<const PairLikelihoods> now,
                                     std::span<const PairLikelihoods> reference, double beta) {
  TANDEM_CHECK(!now.empty() && now.size() == reference.size());
  PreferenceFigures sums;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const double chosen = beta * (now[i].chosen - reference[i].chosen);
    const double rejected = beta * (now[i].rejected - reference[i].rejected);
    sums.loss += surprise(chosen - rejected);
    sums.margin += chosen - rejected;
    sums.chosen += chosen;
    sums.rejected += rejected;
    if (chosen > rejected) ++sums.wins;
    if (now[i].chosen > now[i].rejected) ++sums.likelier;
  }
  const auto count = static_cast<double>(now.size());
  return {sums.loss / count,   sums.wins / count,     sums.margin / count,
          sums.chosen / count, sums.rejected / count, sums.likelier / count};
}

}  // namespace tandem
