#include "generator/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "base/error.h"

namespace tandem {

LogProbabilities log_probabilities(std::span<const float> logits, TokenId chosen, int top_count) {
  TANDEM_CHECK(chosen >= 0 && static_cast<std::size_t>(chosen) < logits.size() && top_count >= 0);
  // What is subtracted keeps the powers from overflowing.
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double log_sum = largest + std::log(sum);
  const auto probability = [&](TokenId token) {
    return TokenProbability{token,
                            static_cast<float>(logits[static_cast<std::size_t>(token)] - log_sum)};
  };

  LogProbabilities result{probability(chosen), {}};
  if (top_count == 0) return result;
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + std::min(top_count, static_cast<int>(ids.size()));
  std::partial_sort(ids.begin(), end, ids.end(), [&](TokenId a, TokenId b) {
    const float left = logits[static_cast<std::size_t>(a)];
    const float right = logits[static_cast<std::size_t>(b)];
    return left != right ? left > right : a < b;
  });
  std::transform(ids.begin(), end, std::back_inserter(result.top), probability);
  return result;
}

}  // namespace tandem
