#include "model/tokenizers/bpe_merges.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>

#include "base/error.h"

namespace tandem {
namespace {

// Up to here, looking through all pairs for the lowest rank beats keeping a heap of them.
constexpr std::size_t kShort = 32;

}  // namespace

BpeMerges::BpeMerges(std::size_t expected)
    : rules_(std::bit_ceil(expected * 2 + 2)), mask_(rules_.size() - 1) {}

void BpeMerges::add(TokenId left, TokenId right, TokenId merged) {
  TANDEM_CHECK((next_rank_ + 1) * std::size_t{2} <= rules_.size());
  const std::uint64_t pair = pair_of(left, right);
  std::size_t i = hash_of(pair) & mask_;
  while (rules_[i].pair != UINT64_MAX && rules_[i].pair != pair) i = (i + 1) & mask_;
  rules_[i] = {pair, next_rank_++, merged};
}

const BpeMerges::Rule& BpeMerges::find(TokenId left, TokenId right) const {
  const std::uint64_t pair = pair_of(left, right);
  std::size_t i = hash_of(pair) & mask_;
  // An empty slot is a rule of the highest rank, so callers need no second case.
  while (rules_[i].pair != UINT64_MAX && rules_[i].pair != pair) i = (i + 1) & mask_;
  return rules_[i];
}

std::size_t BpeMerges::apply(std::span<TokenId> ids) const {
  if (ids.size() < 2) return ids.size();
  return ids.size() <= kShort ? apply_to_short(ids) : apply_to_long(ids);
}

std::size_t BpeMerges::apply_to_short(std::span<TokenId> ids) const {
  std::array<const Rule*, kShort> rules;  // rules[i] is that of the pair ids[i], ids[i + 1]
  std::size_t n = ids.size();
  for (std::size_t i = 0; i + 1 < n; ++i) rules[i] = &find(ids[i], ids[i + 1]);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      if (rules[i]->rank < rules[best]->rank) best = i;
    }
    if (rules[best]->rank == UINT32_MAX) break;
    ids[best] = rules[best]->merged;
    std::copy(ids.begin() + static_cast<std::ptrdiff_t>(best) + 2,
              ids.begin() + static_cast<std::ptrdiff_t>(n),
              ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    std::copy(rules.begin() + best + 1, rules.begin() + n - 1, rules.begin() + best);
    --n;
    if (best > 0) rules[best - 1] = &find(ids[best - 1], ids[best]);
    if (best + 1 < n) rules[best] = &find(ids[best], ids[best + 1]);
  }
  return n;
}

std::size_t BpeMerges::apply_to_long(std::span<TokenId> ids) const {
  TANDEM_CHECK(ids.size() < UINT32_MAX);
  constexpr std::uint32_t kNone = UINT32_MAX;
  struct Neighbours {
    std::uint32_t left;
    std::uint32_t right;
  };
  struct Candidate {
    std::uint32_t rank;
    std::uint32_t at;
    std::uint64_t pair;  // still the pair at `at` when its turn comes, or the candidate is stale
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const auto n = static_cast<std::uint32_t>(ids.size());
  std::vector<Neighbours> list(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    list[i] = {i == 0 ? kNone : i - 1, i + 1 == n ? kNone : i + 1};
  }
  std::vector<Candidate> storage;
  storage.reserve(n);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(std::greater<>{},
                                                                               std::move(storage));
  const auto offer = [&](std::uint32_t at) {
    if (at == kNone || list[at].right == kNone) return;
    const Rule& rule = find(ids[at], ids[list[at].right]);
    if (rule.rank != UINT32_MAX) queue.push({rule.rank, at, rule.pair});
  };
  for (std::uint32_t i = 0; i + 1 < n; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    const std::uint32_t right = list[top.at].right;
    if (ids[top.at] < 0 || right == kNone) continue;
    if (pair_of(ids[top.at], ids[right]) != top.pair) continue;
    ids[top.at] = find(ids[top.at], ids[right]).merged;
    ids[right] = -1;
    list[top.at].right = list[right].right;
    if (list[right].right != kNone) list[list[right].right].left = top.at;
    offer(list[top.at].left);
    offer(top.at);
  }
  return static_cast<std::size_t>(std::remove(ids.begin(), ids.end(), TokenId{-1}) - ids.begin());
}

}  // namespace tandem
