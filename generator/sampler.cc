#include "generator/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "model/kernels/logits.h"

namespace tandem {
namespace {

using Candidate = std::pair<float, TokenId>;  // logit or weight, and token

bool comes_first(const Candidate& a, const Candidate& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
}

[[noreturn]] void refuse(std::string_view field, double value, std::string_view expected) {
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("{} is {}, expected {}", field, value, expected));
}

// Keskar et al. 2019, section 4.1, in the form that `transformers` gave it: a negative logit is
// multiplied, so that the penalty always makes a token less likely.
void penalise_repetition(std::span<float> logits, std::span<const TokenId> context, float penalty,
                         std::vector<bool>& seen) {
  seen.assign(logits.size(), false);
  for (const TokenId token : context) {
    TANDEM_CHECK(token >= 0 && static_cast<std::size_t>(token) < logits.size());
    const auto at = static_cast<std::size_t>(token);
    if (seen[at]) continue;
    seen[at] = true;
    float& logit = logits[at];
    if (std::isinf(logit)) continue;
    const float penalised = logit < 0 ? logit * penalty : logit / penalty;
    // An extreme penalty may overflow; that is the caller's wish, not a broken network.
    constexpr float kLargest = std::numeric_limits<float>::max();
    logit = std::clamp(penalised, -kLargest, kLargest);
  }
}

// Leaves the `count` first candidates, in order.
void keep_best(std::vector<Candidate>& candidates, std::size_t count) {
  // A heap of `count` is cheapest while few elements enter it; quickselect from then on.
  constexpr std::size_t kHeapLimit = 256;
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(count);
  if (count <= kHeapLimit) {
    std::partial_sort(candidates.begin(), end, candidates.end(), comes_first);
  } else {
    std::nth_element(candidates.begin(), end, candidates.end(), comes_first);
    std::sort(candidates.begin(), end, comes_first);
  }
  candidates.resize(count);
}

double total_weight(const std::vector<Candidate>& candidates) {
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.first;
  return total;
}

// Leaves the shortest run of first candidates whose weights reach `wanted`.
void keep_nucleus(std::vector<Candidate>& candidates, double wanted) {
  std::sort(candidates.begin(), candidates.end(), comes_first);
  double reached = 0;
  std::size_t kept = 0;
  while (kept < candidates.size() && reached < wanted) reached += candidates[kept++].first;
  candidates.resize(std::max<std::size_t>(kept, 1));
}

// The candidate on which a point falls that is uniform over their weights laid end to end.
TokenId draw(const std::vector<Candidate>& candidates, double uniform) {
  double left = uniform * total_weight(candidates);
  for (const auto& [weight, token] : candidates) {
    left -= weight;
    if (left < 0) return token;
  }
  return candidates.front().second;  // rounding left a crumb
}

// The same over a whole vocabulary, of which `best` has weight 1.
TokenId draw(std::span<const float> weights, double uniform, std::size_t best) {
  double left = uniform * kernels::sum(weights);
  constexpr std::size_t kBlock = 512;
  for (std::size_t begin = 0; begin < weights.size(); begin += kBlock) {
    const auto block = weights.subspan(begin, std::min(kBlock, weights.size() - begin));
    const double of_block = kernels::sum(block);
    if (left >= of_block) {
      left -= of_block;
      continue;
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      left -= static_cast<double>(block[i]);
      if (left < 0) return static_cast<TokenId>(begin + i);
    }
  }
  return static_cast<TokenId>(best);  // rounding left a crumb
}

}  // namespace

void check(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature)) {
    refuse("temperature", options.temperature, "a number from 0");
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    refuse("top_p", options.top_p, "a number above 0 and at most 1");
  }
  if (options.top_k < 0) refuse("top_k", options.top_k, "0 for no limit, or a positive number");
  if (!(options.repetition_penalty > 0) || std::isinf(options.repetition_penalty)) {
    refuse("repetition_penalty", options.repetition_penalty, "a number above 0");
  }
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {
  check(options_);
}

TokenId Sampler::sample(std::span<float> logits, std::span<const TokenId> context) {
  if (options_.repetition_penalty != 1.0f) {
    penalise_repetition(logits, context, options_.repetition_penalty, seen_);
  }
  const auto largest = kernels::index_of_largest(logits);
  if (!largest)
    throw Error(ErrorCode::kInternal, "the network gave logits that are not finite",
                "check the model file; fetch it again if in doubt");
  const std::size_t best = *largest;
  if (options_.temperature == 0 || options_.top_k == 1) return static_cast<TokenId>(best);

  const double uniform = static_cast<double>(random_() >> 11) * 0x1p-53;  // [0, 1)
  if (options_.top_k > 0 && static_cast<std::size_t>(options_.top_k) < logits.size()) {
    keep_likeliest(logits, logits[best]);
  } else {
    weights_.resize(logits.size());
    kernels::softmax_weights(logits, logits[best], options_.temperature, weights_.data());
    if (options_.top_p == 1) return draw(weights_, uniform, best);
    // All candidates below this weight together weigh less than the part that may be cut, so none
    // of them is in the nucleus: a few dozen are left to sort instead of a whole vocabulary.
    const double total = kernels::sum(weights_);
    const double cut = (1.0 - static_cast<double>(options_.top_p)) * total;
    const double least = cut / static_cast<double>(weights_.size());
    candidates_.clear();
    for (std::size_t i = 0; i < weights_.size(); ++i)
      if (static_cast<double>(weights_[i]) >= least)
        candidates_.emplace_back(weights_[i], static_cast<TokenId>(i));
    keep_nucleus(candidates_, total - cut);
  }
  return draw(candidates_, uniform);
}

void Sampler::keep_likeliest(std::span<const float> logits, float largest) {
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i)
    candidates_.emplace_back(logits[i], static_cast<TokenId>(i));
  keep_best(candidates_, static_cast<std::size_t>(options_.top_k));
  for (Candidate& candidate : candidates_)
    kernels::softmax_weights({&candidate.first, 1}, largest, options_.temperature,
                             &candidate.first);
  if (options_.top_p < 1)
    keep_nucleus(candidates_, static_cast<double>(options_.top_p) * total_weight(candidates_));
}

}  // namespace tandem
