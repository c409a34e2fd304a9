// From logits to one token.
#ifndef TANDEM_GENERATOR_SAMPLER_H_
#define TANDEM_GENERATOR_SAMPLER_H_

#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

struct SamplingOptions {
  float temperature = 0.0f;         // 0 takes the most likely token
  float top_p = 1.0f;               // (0, 1]; nucleus sampling, Holtzman et al. 2020
  int top_k = 0;                    // 0: no limit
  float repetition_penalty = 1.0f;  // > 0; Keskar et al. 2019 (CTRL), section 4.1
  std::uint64_t seed = 0;
};

// Throws kInvalidArgument naming the field that is out of its range.
void check(const SamplingOptions& options);

// Keeps the random state of one sequence; used by one thread at a time. The same seed and the same
// logits give the same tokens on every machine, which is why nothing of <random> but the generator
// is used: the results of its distributions differ between standard libraries.
class Sampler {
 public:
  // Throws as check() does.
  explicit Sampler(const SamplingOptions& options);

  // Chooses the next token. `logits` [vocabulary] is changed in place. `context` is what the
  // repetition penalty looks at; its tokens must be below the vocabulary size. Order, as in
  // `transformers`: penalty, temperature, top-k, top-p. Among equal logits the lower id comes
  // first. Throws kInternal for a logit that is NaN or +infinity, or if none is finite: the network
  // is broken then, and any token would be a lie.
  TokenId sample(std::span<float> logits, std::span<const TokenId> context);

 private:
  // The candidates that top-k and top-p leave, with their weights.
  void keep_likeliest(std::span<const float> logits, float largest);

  SamplingOptions options_;
  std::mt19937_64 random_;
  // Scratch, kept between calls to save the allocation.
  std::vector<float> weights_;
  std::vector<std::pair<float, TokenId>> candidates_;
  std::vector<bool> seen_;
};

}  // namespace tandem

#endif  // TANDEM_GENERATOR_SAMPLER_H_
