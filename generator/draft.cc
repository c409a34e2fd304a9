#include "generator/draft.h"

#include <algorithm>

namespace tandem {
namespace {

// Shorter runs occur everywhere and predict little; longer ones miss quotes that have just begun.
constexpr std::size_t kRun = 3;

std::uint64_t hash_of(std::span<const TokenId> run) {
  std::uint64_t hash = 0x9E3779B97F4A7C15u;
  for (const TokenId token : run)
    hash = (hash ^ static_cast<std::uint32_t>(token)) * 0xD6E8FEB86659FD93u;
  return hash ^ (hash >> 32);
}

}  // namespace

// The run at the very end is left out: it is what is looked for.
void Drafter::index(std::span<const TokenId> context) {
  for (; indexed_ + kRun < context.size(); ++indexed_)
    after_[hash_of(context.subspan(indexed_, kRun))] = static_cast<std::uint32_t>(indexed_ + kRun);
}

std::span<const TokenId> Drafter::draft(std::span<const TokenId> context, std::size_t limit) {
  if (pause_ > 0) {
    --pause_;
    return {};
  }
  if (context.size() <= kRun) return {};
  index(context);
  const auto run = context.last(kRun);
  const auto found = after_.find(hash_of(run));
  if (found == after_.end()) return {};
  const std::size_t at = found->second;
  // Another run may have the same hash.
  if (!std::equal(run.begin(), run.end(), context.begin() + static_cast<std::ptrdiff_t>(at - kRun)))
    return {};
  return context.subspan(at, std::min({limit, length_, kMaxTokens, context.size() - at}));
}

void Drafter::learn(std::size_t drafted, std::size_t accepted) {
  if (drafted == 0) return;
  if (accepted == drafted) {
    length_ = std::min(kMaxTokens, 2 * length_ + 1);
  } else {
    length_ = std::max<std::size_t>(2, accepted + 1);
  }
  if (accepted > 0) {
    failures_ = 0;
    return;
  }
  // Each failure in a row waits twice as long, up to 32 steps: a wasted draft costs up to half a
  // step.
  ++failures_;
  if (failures_ >= 2) pause_ = std::size_t{1} << std::min<std::size_t>(failures_ - 1, 5);
}

}  // namespace tandem
