// How likely the network held a token to be, and which others it would have preferred.
//
// These are log-softmax of the network's own logits: before the repetition penalty, the mask of a
// schema, temperature and nucleus, none of which the network knows about. So they tell how sure it
// was, whatever was asked of the sampler, and a token that a schema forced may be an unlikely one.
#ifndef TANDEM_GENERATOR_LOG_PROBABILITIES_H_
#define TANDEM_GENERATOR_LOG_PROBABILITIES_H_

#include <span>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// What a request may ask for at each token.
inline constexpr int kMaxTopLogProbabilities = 20;

struct TokenProbability {
  TokenId token = 0;
  float log_probability = 0;  // natural logarithm
};

struct LogProbabilities {
  TokenProbability chosen;
  std::vector<TokenProbability> top;  // likeliest first; of equals the lower id
};

// `logits` [vocabulary] are finite or -infinity, and one at least is finite. Pure; safe from any
// thread.
LogProbabilities log_probabilities(std::span<const float> logits, TokenId chosen, int top_count);

}  // namespace tandem

#endif  // TANDEM_GENERATOR_LOG_PROBABILITIES_H_
