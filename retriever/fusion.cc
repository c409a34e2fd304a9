#include "retriever/fusion.h"

#include <algorithm>
#include <map>

namespace tandem {
namespace {

// The constant of the paper, which found 60 to be near the best and of little influence.
constexpr float kRankConstant = 60;

// What the passage at `place` adds, from 0 to 1.
float share(std::span<const ScoredPassage> list, std::size_t place, Fusion method) {
  if (method == Fusion::kRanks) {
    return (kRankConstant + 1) / (kRankConstant + static_cast<float>(place) + 1);
  }
  const float best = list.front().score;
  const float worst = list.back().score;
  return best > worst ? (list[place].score - worst) / (best - worst) : 1;
}

}  // namespace

std::vector<ScoredPassage> fuse(std::span<const ScoredPassage> dense,
                                std::span<const ScoredPassage> lexical, std::size_t limit,
                                const FusionOptions& options) {
  std::map<PassageId, float> scores;
  const auto add = [&](std::span<const ScoredPassage> list, float weight) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      scores[list[i].id] += weight * share(list, i, options.method);
    }
  };
  add(dense, 1 - options.lexical_weight);
  add(lexical, options.lexical_weight);
  std::vector<ScoredPassage> fused;
  for (const auto& [id, score] : scores) fused.push_back({id, score});
  std::stable_sort(fused.begin(), fused.end(), [](const ScoredPassage& a, const ScoredPassage& b) {
    return a.score > b.score;
  });
  if (fused.size() > limit) fused.resize(limit);
  return fused;
}

}  // namespace tandem
