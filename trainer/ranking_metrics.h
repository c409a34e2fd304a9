// How good a ranking is whose relevant passages are known.
//
// A ranking is given as the grades of what was found, best first: 0 for what is not relevant, more
// for what is. `relevant` are the grades of all that is relevant, found or not, in any order, each
// above 0. Where nothing is relevant every metric is 0. Pure; safe from any thread.
#ifndef TANDEM_TRAINER_RANKING_METRICS_H_
#define TANDEM_TRAINER_RANKING_METRICS_H_

#include <cstddef>
#include <span>

namespace tandem {

// The share of what is relevant that the first k hold.
double recall_at(std::size_t k, std::span<const int> found, std::span<const int> relevant);

// 1 / the place of the first relevant one, 0 where there is none. Its mean over questions is the
// MRR.
double reciprocal_rank(std::span<const int> found);

// Normalised discounted cumulative gain of the first k as trec_eval computes it: a grade counts
// grade / log2(place + 1), the sum by that of the ideal order.
double ndcg_at(std::size_t k, std::span<const int> found, std::span<const int> relevant);

}  // namespace tandem

#endif  // TANDEM_TRAINER_RANKING_METRICS_H_
