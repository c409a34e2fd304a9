#include "retriever/merge_policy.h"

namespace tandem {

std::optional<MergePlan> plan_merge(std::span<const PartSize> sealed, PartSize growing,
                                    std::size_t capacity) {
  const bool seal = growing.rows >= capacity;
  if (seal || !sealed.empty()) {
    MergePlan plan{seal ? sealed.size() : sealed.size() - 1, sealed.size(), seal};
    std::size_t later = seal ? growing.live : sealed.back().live;
    while (plan.begin > 0 && sealed[plan.begin - 1].live <= kGrowth * later) {
      later += sealed[--plan.begin].live;
    }
    if (seal || plan.end - plan.begin > 1) return plan;
  }
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    const bool sparse = sealed[i].live < sealed[i].rows - sealed[i].rows / 2;
    if (sparse || sealed[i].outdated) return MergePlan{i, i + 1, false};
  }
  return std::nullopt;
}

}  // namespace tandem
