// How sure a figure is that was measured on a sample of questions: the bootstrap (Efron 1979).
//
// The sample is drawn again from itself many times, with replacement; how the figure varies over
// these draws is how it would vary over samples. The draws follow from the seed alone, the same on
// every machine. Pure; safe from any thread.
#ifndef TANDEM_TRAINER_STATISTICS_H_
#define TANDEM_TRAINER_STATISTICS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace tandem {

struct BootstrapOptions {
  std::size_t draws = 10'000;  // at least 1
  double confidence = 0.95;    // above 0 and below 1
  std::uint64_t seed = 1;
};

struct Estimate {
  double value = 0;  // of the sample itself
  double low = 0;    // the interval that holds the figure with the confidence asked for
  double high = 0;
};

// A figure of the examples with these places in the sample, some of them more than once. Finite.
using Statistic = std::function<double(std::span<const std::size_t> places)>;

// The percentile interval of a figure of `size` examples. All 0 where there are none.
Estimate bootstrap(std::size_t size, const Statistic& statistic,
                   const BootstrapOptions& options = {});

// The same of the mean of `values`.
Estimate bootstrap_mean(std::span<const double> values, const BootstrapOptions& options = {});

struct Comparison {
  Estimate difference;  // b - a
  // How likely a difference at least as far from 0, to either side, would be if the systems were
  // equally good: Berg-Kirkpatrick et al. 2012, "An Empirical Investigation of Statistical
  // Significance in NLP", section 3, where the draws are shifted so that their mean is 0.
  double p = 1;
};

// Two systems on the same examples: `difference` is the figure of b less that of a. Both are drawn
// together, so what is hard for both does not blur what is between them.
Comparison compare_paired(std::size_t size, const Statistic& difference,
                          const BootstrapOptions& options = {});

// The same of means: a[i] and b[i] are their scores on example i.
Comparison compare_paired(std::span<const double> a, std::span<const double> b,
                          const BootstrapOptions& options = {});

}  // namespace tandem

#endif  // TANDEM_TRAINER_STATISTICS_H_
