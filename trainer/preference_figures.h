// How well a generator tells preferred answers from others.
#ifndef TANDEM_TRAINER_PREFERENCE_FIGURES_H_
#define TANDEM_TRAINER_PREFERENCE_FIGURES_H_

#include <span>

namespace tandem {

// Natural logarithms of how likely a generator finds each answer of a pair as a whole: sums over
// tokens.
struct PairLikelihoods {
  double chosen = 0;
  double rejected = 0;
};

// An answer's reward is beta times how much likelier the generator finds it than the one that it
// began as: what it would have to be paid to become so (Rafailov et al. 2023, arXiv:2305.18290,
// equation 5, but for a number that is the same for all answers to a question).
struct PreferenceFigures {
  double loss = 0;      // the mean of -log sigmoid(margin)
  double wins = 0;      // share of the pairs whose chosen answer has the higher reward
  double margin = 0;    // of rewards, chosen less rejected: the mean
  double chosen = 0;    // the mean reward of chosen answers
  double rejected = 0;  // of rejected ones
  double likelier = 0;  // share of the pairs whose chosen answer is the likelier, long or short
};

// Both have as many pairs, at least one. Pure; safe from any thread.
PreferenceFigures preference_figures(std::span<const PairLikelihoods> now,
                                     std::span<const PairLikelihoods> reference, double beta);

}  // namespace tandem

#endif  // TANDEM_TRAINER_PREFERENCE_FIGURES_H_
