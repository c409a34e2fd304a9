#include "generator/grammar/characters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem::grammar {
namespace {

constexpr char32_t kLastCodePoint = 0x10FFFF;
constexpr char32_t kFirstSurrogate = 0xD800;
constexpr char32_t kLastSurrogate = 0xDFFF;
constexpr std::uint32_t kNoState = UINT32_MAX;

void refuse_size() {
  throw Error(ErrorCode::kTooLarge,
              fmt::format("a pattern of the schema needs an automaton of more than {} states",
                          CharacterAutomaton::kMaxStates),
              "simplify the pattern, or leave out the length beside it");
}

using ByteRange = std::pair<std::uint8_t, std::uint8_t>;

// UTF-8 of the code points first to last as sequences of byte ranges, after Russ Cox, "Regular
// Expression Matching in the Wild" (2010): a range is cut until both ends differ only in trailing
// bytes that run through all their values.
void split_utf8(char32_t first, char32_t last, std::vector<std::vector<ByteRange>>& out) {
  for (const char32_t longest : {0x7F, 0x7FF, 0xFFFF}) {
    if (first <= longest && last > longest) {
      split_utf8(first, longest, out);
      split_utf8(longest + 1, last, out);
      return;
    }
  }
  for (int bits = 6; bits <= 18 && last > 0x7F; bits += 6) {
    const char32_t low = (char32_t{1} << bits) - 1;
    if ((first & ~low) == (last & ~low)) continue;
    if ((first & low) != 0) {
      split_utf8(first, first | low, out);
      split_utf8((first | low) + 1, last, out);
      return;
    }
    if ((last & low) != low) {
      split_utf8(first, (last & ~low) - 1, out);
      split_utf8(last & ~low, last, out);
      return;
    }
  }
  std::string low;
  std::string high;
  append_utf8(first, low);
  append_utf8(last, high);
  std::vector<ByteRange> sequence;
  for (std::size_t i = 0; i < low.size(); ++i)
    sequence.emplace_back(static_cast<std::uint8_t>(low[i]), static_cast<std::uint8_t>(high[i]));
  out.push_back(std::move(sequence));
}

// How JSON spells a character that may not stand in a string as it is.
std::string escaped(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
  }
}

bool needs_escape(char32_t c) {
  return c < 0x20 || c == '"' || c == '\\';
}

class Emitter {
 public:
  explicit Emitter(ProgramBuilder& builder) : builder_(builder) {}

  // Edges for the bytes of all characters of `range`, which lead to `target`.
  void add(CharacterRange range, Address target, std::vector<Edge>& edges) {
    char32_t first = range.first;
    while (first <= range.last) {
      if (needs_escape(first)) {
        const std::string text = escaped(first);
        Address next = target;
        for (std::size_t i = text.size() - 1; i > 0; --i)
          next =
              tail({static_cast<std::uint8_t>(text[i]), static_cast<std::uint8_t>(text[i])}, next);
        edges.push_back({'\\', '\\', next});
        ++first;
        continue;
      }
      char32_t last = range.last;
      for (const char32_t special : {U'"', U'\\'})
        if (first < special && special <= last) last = special - 1;
      std::vector<std::vector<ByteRange>> sequences;
      split_utf8(first, last, sequences);
      for (const auto& sequence : sequences) {
        Address next = target;
        for (std::size_t i = sequence.size() - 1; i > 0; --i) next = tail(sequence[i], next);
        edges.push_back({sequence[0].first, sequence[0].second, next});
      }
      first = last + 1;
    }
  }

 private:
  // Continuation bytes are shared: most ranges of a class end in the same ones.
  Address tail(ByteRange range, Address next) {
    const auto [found, is_new] = tails_.try_emplace({range.first, range.second, next}, 0);
    if (is_new) found->second = builder_.byte(range.first, range.second, next);
    return found->second;
  }

  ProgramBuilder& builder_;
  std::map<std::tuple<std::uint8_t, std::uint8_t, Address>, Address> tails_;
};

}  // namespace

CharacterSet normalise(CharacterSet ranges) {
  std::erase_if(ranges, [](const auto& range) { return range.first > range.last; });
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  CharacterSet merged;
  for (const CharacterRange& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  CharacterSet valid;
  const auto add = [&](char32_t first, char32_t last) {
    if (first <= last) valid.push_back({first, last});
  };
  for (const auto& [first, last] : merged) {
    add(first, std::min<char32_t>(last, kFirstSurrogate - 1));
    add(std::max<char32_t>(first, kLastSurrogate + 1), std::min(last, kLastCodePoint));
  }
  return valid;
}

CharacterSet complement(const CharacterSet& set) {
  CharacterSet rest;
  char32_t next = 0;
  for (const CharacterRange& range : set) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) rest.push_back({next, kLastCodePoint});
  return normalise(std::move(rest));
}

CharacterAutomaton any_text(std::uint32_t min, std::uint32_t max) {
  const std::uint32_t last = max == kUnlimited ? min : max;
  if (last >= CharacterAutomaton::kMaxStates) refuse_size();
  CharacterAutomaton automaton;
  automaton.states.resize(last + 1);
  for (std::uint32_t i = 0; i <= last; ++i) {
    automaton.states[i].accepts = i >= min;
    if (i == last && max != kUnlimited) break;
    for (const CharacterRange& range : complement({}))
      automaton.states[i].edges.push_back({range, std::min(i + 1, last)});
  }
  return automaton;
}

CharacterAutomaton intersect(const CharacterAutomaton& a, const CharacterAutomaton& b) {
  CharacterAutomaton both;
  if (a.states.empty() || b.states.empty()) return both;
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  std::map<Pair, std::uint32_t> ids;
  std::vector<Pair> pairs;
  const auto id_of = [&](Pair pair) {
    const auto [found, is_new] = ids.try_emplace(pair, static_cast<std::uint32_t>(pairs.size()));
    if (is_new) pairs.push_back(pair);
    if (pairs.size() > CharacterAutomaton::kMaxStates) refuse_size();
    return found->second;
  };
  id_of({0, 0});
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& left = a.states[pairs[i].first];
    const auto& right = b.states[pairs[i].second];
    CharacterAutomaton::State state;
    state.accepts = left.accepts && right.accepts;
    for (auto l = left.edges.begin(), r = right.edges.begin();
         l != left.edges.end() && r != right.edges.end();) {
      const CharacterRange shared = {std::max(l->range.first, r->range.first),
                                     std::min(l->range.last, r->range.last)};
      if (shared.first <= shared.last)
        state.edges.push_back({shared, id_of({l->target, r->target})});
      if (l->range.last < r->range.last) {
        ++l;
      } else {
        ++r;
      }
    }
    both.states.push_back(std::move(state));
  }
  return trim(both);
}

CharacterAutomaton trim(const CharacterAutomaton& automaton) {
  const std::size_t size = automaton.states.size();
  std::vector<std::vector<std::uint32_t>> sources(size);
  std::vector<std::uint32_t> open;
  std::vector<bool> useful(size, false);
  for (std::uint32_t i = 0; i < size; ++i) {
    for (const auto& edge : automaton.states[i].edges) sources[edge.target].push_back(i);
    if (automaton.states[i].accepts) {
      useful[i] = true;
      open.push_back(i);
    }
  }
  while (!open.empty()) {
    const std::uint32_t done = open.back();
    open.pop_back();
    for (const std::uint32_t source : sources[done])
      if (!useful[source]) {
        useful[source] = true;
        open.push_back(source);
      }
  }
  CharacterAutomaton trimmed;
  if (size == 0 || !useful[0]) return trimmed;
  std::vector<std::uint32_t> new_id(size, kNoState);
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size; ++i)
    if (useful[i]) new_id[i] = kept++;
  trimmed.states.resize(kept);
  for (std::uint32_t i = 0; i < size; ++i) {
    if (!useful[i]) continue;
    auto& state = trimmed.states[new_id[i]];
    state.accepts = automaton.states[i].accepts;
    for (const auto& edge : automaton.states[i].edges)
      if (useful[edge.target]) state.edges.push_back({edge.range, new_id[edge.target]});
  }
  return trimmed;
}

Address emit(const CharacterAutomaton& automaton, Address next, ProgramBuilder& builder) {
  if (automaton.states.empty()) return builder.nothing();
  std::vector<Address> addresses;
  for (std::size_t i = 0; i < automaton.states.size(); ++i) addresses.push_back(builder.reserve());
  Emitter emitter(builder);
  for (std::size_t i = 0; i < automaton.states.size(); ++i) {
    std::vector<Edge> edges;
    for (const auto& edge : automaton.states[i].edges)
      emitter.add(edge.range, addresses[edge.target], edges);
    if (!automaton.states[i].accepts) {
      builder.define_bytes(addresses[i], edges);
    } else {
      const Address choice[] = {builder.bytes(edges), next};
      builder.define_fork(addresses[i],
                          edges.empty() ? std::span(choice).last(1) : std::span(choice));
    }
  }
  return addresses.front();
}

}  // namespace tandem::grammar
