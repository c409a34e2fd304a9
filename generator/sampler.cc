#include "generator/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

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

// The most likely token, once it is sure that every logit can be compared.
TokenId most_likely(std::span<const float> logits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::size_t best = 0;
  bool comparable = !logits.empty();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    comparable &= logits[i] < kInfinity;  // false for NaN too
    if (logits[i] > logits[best]) best = i;
  }
  if (!comparable || logits[best] == -kInfinity) {
    throw Error(ErrorCode::kInternal, "the network gave logits that are not finite",
                "check the model file; fetch it again if in doubt");
  }
  return static_cast<TokenId>(best);
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

// Leaves the shortest run of first candidates whose weights reach `share` of the total.
void keep_nucleus(std::vector<Candidate>& candidates, float share) {
  const double total = total_weight(candidates);
  // All candidates below this weight together weigh less than the part that may be cut, so none of
  // them is in the nucleus: a few dozen are left to sort instead of a whole vocabulary.
  const double least =
      (1.0 - static_cast<double>(share)) * total / static_cast<double>(candidates.size());
  std::erase_if(candidates, [least](const Candidate& candidate) {
    return static_cast<double>(candidate.first) < least;
  });
  std::sort(candidates.begin(), candidates.end(), comes_first);
  const double wanted = static_cast<double>(share) * total;
  double reached = 0;
  std::size_t kept = 0;
  while (kept < candidates.size() && reached < wanted) reached += candidates[kept++].first;
  candidates.resize(std::max<std::size_t>(kept, 1));
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
  const TokenId best = most_likely(logits);
  if (options_.temperature == 0 || options_.top_k == 1) return best;

  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    candidates_.emplace_back(logits[i], static_cast<TokenId>(i));
  }
  if (options_.top_k > 0 && static_cast<std::size_t>(options_.top_k) < candidates_.size()) {
    keep_best(candidates_, static_cast<std::size_t>(options_.top_k));
  }
  // Softmax without its division. Rounding to float hides the last bit of exp, which differs
  // between C libraries; the sums below are then the same everywhere.
  const double largest = logits[static_cast<std::size_t>(best)];
  for (Candidate& candidate : candidates_) {
    candidate.first = static_cast<float>(
        std::exp((candidate.first - largest) / static_cast<double>(options_.temperature)));
  }
  if (options_.top_p < 1) keep_nucleus(candidates_, options_.top_p);

  const double uniform = static_cast<double>(random_() >> 11) * 0x1p-53;  // [0, 1)
  double left = uniform * total_weight(candidates_);
  for (const Candidate& candidate : candidates_) {
    left -= candidate.first;
    if (left < 0) return candidate.second;
  }
  return best;  // rounding left a crumb
}

}  // namespace tandem
