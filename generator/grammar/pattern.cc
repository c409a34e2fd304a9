#include "generator/grammar/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "generator/grammar/pattern_syntax.h"

namespace tandem::grammar {
namespace {

// Bounds of Thompson's automaton and of the steps to make it deterministic: some 100 ms.
constexpr std::size_t kMaxNfaStates = 50'000;
constexpr std::size_t kMaxWork = 5'000'000;

// Thompson's construction (1968), from the end to the beginning, then the subset construction with
// both bounded.
class Determiniser {
 public:
  CharacterAutomaton run(const PatternNode& node) {
    states_.push_back({});  // the end
    std::vector<int> start = {build(node, 0)};
    CharacterAutomaton automaton;
    id_of(start);
    for (std::size_t i = 0; i < subsets_.size(); ++i) automaton.states.push_back(expand(i));
    return trim(automaton);
  }

 private:
  struct State {
    CharacterSet set;  // leads to next[0]; without it next are silent
    std::vector<int> next;
  };

  void work(std::size_t amount) {
    work_ += amount;
    if (work_ > kMaxWork)
      throw Error(ErrorCode::kTooLarge, "a pattern of the schema takes too long to prepare",
                  "simplify the pattern; repetitions of alternatives cost most");
  }

  int add(CharacterSet set, std::vector<int> next) {
    if (states_.size() >= kMaxNfaStates)
      throw Error(ErrorCode::kTooLarge,
                  fmt::format("a pattern of the schema needs more than {} states", kMaxNfaStates),
                  "shorten its repetitions");
    states_.push_back({std::move(set), std::move(next)});
    return static_cast<int>(states_.size() - 1);
  }

  int build(const PatternNode& node, int next) {
    work(1);
    switch (node.kind) {
      case PatternKind::kSet:
        // "[]" matches nothing, not even the empty text.
        return node.set.empty() ? add({}, {}) : add(node.set, {next});
      case PatternKind::kSequence:
        for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
          next = build(*child, next);
        return next;
      case PatternKind::kChoice: {
        std::vector<int> ways;
        for (const PatternNode& child : node.children) ways.push_back(build(child, next));
        return ways.size() == 1 ? ways[0] : add({}, std::move(ways));
      }
      case PatternKind::kRepeat: {
        const PatternNode& body = node.children[0];
        if (node.max == kUnlimited) {
          const int loop = add({}, {next});
          const int once = build(body, loop);
          states_[static_cast<std::size_t>(loop)].next.push_back(once);
          next = loop;
        } else {
          const int exit = next;
          for (std::uint32_t i = node.min; i < node.max; ++i)
            next = add({}, {exit, build(body, next)});
        }
        for (std::uint32_t i = 0; i < node.min; ++i) next = build(body, next);
        return next;
      }
    }
    return next;
  }

  std::uint32_t id_of(const std::vector<int>& seeds) {
    std::vector<int> open = seeds;
    std::vector<int> closed;
    ++round_;
    seen_.resize(states_.size(), 0);
    while (!open.empty()) {
      work(1);
      const auto at = static_cast<std::size_t>(open.back());
      open.pop_back();
      if (seen_[at] == round_) continue;
      seen_[at] = round_;
      const State& state = states_[at];
      if (at == 0 || !state.set.empty()) {
        closed.push_back(static_cast<int>(at));
      } else {
        open.insert(open.end(), state.next.begin(), state.next.end());
      }
    }
    std::sort(closed.begin(), closed.end());
    const auto [found, is_new] =
        ids_.try_emplace(std::move(closed), static_cast<std::uint32_t>(subsets_.size()));
    if (is_new) subsets_.push_back(&found->first);
    if (subsets_.size() > CharacterAutomaton::kMaxStates)
      throw Error(ErrorCode::kTooLarge,
                  fmt::format("a pattern of the schema needs an automaton of more than {} states",
                              CharacterAutomaton::kMaxStates),
                  "simplify the pattern");
    return found->second;
  }

  CharacterAutomaton::State expand(std::size_t subset) {
    CharacterAutomaton::State result;
    std::vector<char32_t> borders;  // where an interval begins in which all characters do the same
    for (const int at : *subsets_[subset]) {
      if (at == 0) result.accepts = true;
      for (const CharacterRange& range : states_[static_cast<std::size_t>(at)].set) {
        borders.push_back(range.first);
        borders.push_back(range.last + 1);
      }
    }
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
      std::vector<int> seeds;
      for (const int at : *subsets_[subset]) {
        const State& state = states_[static_cast<std::size_t>(at)];
        work(1 + state.set.size() / 8);
        const auto range =
            std::upper_bound(state.set.begin(), state.set.end(), borders[i],
                             [](char32_t c, const CharacterRange& r) { return c < r.first; });
        if (range != state.set.begin() && borders[i] <= std::prev(range)->last)
          seeds.push_back(state.next[0]);
      }
      if (seeds.empty()) continue;
      const std::uint32_t target = id_of(seeds);
      const CharacterRange range = {borders[i], borders[i + 1] - 1};
      auto& edges = result.edges;
      if (!edges.empty() && edges.back().target == target &&
          edges.back().range.last + 1 == range.first) {
        edges.back().range.last = range.last;
      } else {
        edges.push_back({range, target});
      }
    }
    return result;
  }

  std::vector<State> states_;
  std::map<std::vector<int>, std::uint32_t> ids_;
  std::vector<const std::vector<int>*> subsets_;  // keys of ids_
  std::vector<std::uint32_t> seen_;
  std::uint32_t round_ = 0;
  std::size_t work_ = 0;
};

}  // namespace

CharacterAutomaton parse_pattern(std::string_view pattern) {
  return Determiniser().run(parse_pattern_syntax(pattern));
}

}  // namespace tandem::grammar
