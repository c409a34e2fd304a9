// How the learning rate changes over a run.
#ifndef TANDEM_TRAINER_RATE_SCHEDULE_H_
#define TANDEM_TRAINER_RATE_SCHEDULE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace tandem {

// What the highest rate is multiplied by in step `step` (from 0) of `steps`: rises evenly for the
// share `warmup` of them, then falls as half a cosine does (Loshchilov and Hutter 2016,
// arXiv:1608.03983).
inline double rate_factor(std::size_t step, std::size_t steps, double warmup) {
  const double rising = warmup * static_cast<double>(steps);
  const auto at = static_cast<double>(step);
  if (at < rising) return (at + 1) / (rising + 1);
  const double rest = std::max(1.0, static_cast<double>(steps) - rising);
  return 0.5 * (1 + std::cos(std::numbers::pi * (at - rising) / rest));
}

}  // namespace tandem

#endif  // TANDEM_TRAINER_RATE_SCHEDULE_H_
