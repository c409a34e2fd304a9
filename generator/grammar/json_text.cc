#include "generator/grammar/json_text.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/utf8.h"

namespace tandem::grammar {
namespace {

constexpr std::uint8_t kLast = 0xFF;

Address hex_digits(int count, Address next, ProgramBuilder& builder) {
  for (int i = 0; i < count; ++i) {
    const Edge edges[] = {{'0', '9', next}, {'A', 'F', next}, {'a', 'f', next}};
    next = builder.bytes(edges);
  }
  return next;
}

// After a backslash, up to `done`. The second half of a surrogate pair is demanded at once: alone,
// neither half is a character.
Address escape(Address done, ProgramBuilder& builder) {
  const Edge low_third[] = {{'C', 'F', hex_digits(2, done, builder)},
                            {'c', 'f', hex_digits(2, done, builder)}};
  const Address low_second = builder.bytes(low_third);
  const Edge low_first[] = {{'D', 'D', low_second}, {'d', 'd', low_second}};
  const Address low_half = builder.literal("\\u", builder.bytes(low_first));

  const Address high_rest = hex_digits(2, low_half, builder);
  const Address two = hex_digits(2, done, builder);
  const Edge after_d[] = {
      {'0', '7', two}, {'8', '9', high_rest}, {'A', 'B', high_rest}, {'a', 'b', high_rest}};
  const Address second = builder.bytes(after_d);
  const Address three = hex_digits(3, done, builder);
  const Edge first[] = {{'0', '9', three}, {'A', 'C', three},  {'E', 'F', three}, {'a', 'c', three},
                        {'e', 'f', three}, {'D', 'D', second}, {'d', 'd', second}};
  std::vector<Edge> edges = {{'u', 'u', builder.bytes(first)}};
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'})
    edges.push_back({static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), done});
  return builder.bytes(edges);
}

// One character without escapes, up to `done` (Unicode 15, table 3-7).
std::vector<Edge> plain_character(Address done, ProgramBuilder& builder) {
  const Address one = builder.byte(0x80, 0xBF, done);
  const Address two = builder.byte(0x80, 0xBF, one);
  const Address three = builder.byte(0x80, 0xBF, two);
  return {{0x20, 0x21, done},
          {0x23, 0x5B, done},
          {0x5D, 0x7F, done},
          {0xC2, 0xDF, one},
          {0xE0, 0xE0, builder.byte(0xA0, 0xBF, one)},
          {0xE1, 0xEC, two},
          {0xED, 0xED, builder.byte(0x80, 0x9F, one)},
          {0xEE, 0xEF, two},
          {0xF0, 0xF0, builder.byte(0x90, 0xBF, two)},
          {0xF1, 0xF3, three},
          {0xF4, 0xF4, builder.byte(0x80, 0x8F, two)}};
}

// The states of a key, of which those along the given names differ from the others.
class OtherKey {
 public:
  OtherKey(const std::vector<std::string>& names, Address next, ProgramBuilder& builder)
      : builder_(builder), free_(builder.reserve()), next_(next) {
    auto edges = plain_character(free_, builder);
    edges.push_back({'"', '"', next});
    builder.define_bytes(free_, edges, PlainText::kForEver);
    std::set<std::string> sorted;
    for (const std::string& name : names)
      if (quoted(name) == '"' + name + '"') sorted.insert(name);  // others need an escape
    names_.assign(sorted.begin(), sorted.end());
  }

  Address start() { return along(names_, 0, free_); }

 private:
  // The names that share their first `depth` bytes, which lead to `state` where no name is in the
  // way. Depth of recursion is the length of a name, which the schema compiler bounds.
  Address along(std::span<const std::string> names, std::size_t depth, Address state) {
    if (names.empty()) return state;
    const bool ends_here = names.front().size() == depth;
    if (ends_here) names = names.subspan(1);
    const auto free_edges = builder_.edges_of(state);
    const std::vector<Edge> original(free_edges.begin(), free_edges.end());
    std::map<std::uint8_t, std::span<const std::string>> groups;
    while (!names.empty()) {
      const char first = names.front()[depth];
      const auto other = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
        return name[depth] != first;
      });
      const auto same = static_cast<std::size_t>(other - names.begin());
      groups[static_cast<std::uint8_t>(first)] = names.first(same);
      names = names.subspan(same);
    }
    std::vector<Edge> edges;
    for (const Edge& edge : original) {
      if (edge.first == '"' && ends_here) continue;
      int first = edge.first;
      for (auto group = groups.lower_bound(edge.first);
           group != groups.end() && group->first <= edge.last; ++group) {
        const std::uint8_t value = group->first;
        if (first < value)
          edges.push_back({static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(value - 1),
                           edge.target});
        edges.push_back({value, value, along(group->second, depth + 1, edge.target)});
        first = value + 1;
      }
      if (first <= edge.last && first <= kLast)
        edges.push_back({static_cast<std::uint8_t>(first), edge.last, edge.target});
    }
    return builder_.bytes(edges);
  }

  ProgramBuilder& builder_;
  Address free_;
  Address next_;
  std::vector<std::string> names_;
};

}  // namespace

std::string quoted(const std::string& text) {
  return Json(text).dump();
}

Address emit_string(std::uint32_t min, std::uint32_t max, Address next, ProgramBuilder& builder) {
  const Address close = builder.literal("\"", next);
  if (max == 0) return builder.literal("\"", close);
  const Address character = builder.reserve();
  if (min == 0 && max == kUnlimited) {
    auto edges = plain_character(character, builder);
    edges.push_back({'\\', '\\', escape(character, builder)});
    edges.push_back({'"', '"', next});
    builder.define_bytes(character, edges, PlainText::kForEver);
    return builder.literal("\"", character);
  }
  auto edges = plain_character(builder.returning(), builder);
  edges.push_back({'\\', '\\', escape(builder.returning(), builder)});
  builder.define_bytes(character, edges, PlainText::kCounted);
  return builder.literal(
      "\"", builder.repeat(
                {.min = min, .max = max, .body = character, .again = character, .exit = close}));
}

Address emit_other_key(const std::vector<std::string>& names, Address next,
                       ProgramBuilder& builder) {
  return builder.literal("\"", OtherKey(names, next, builder).start());
}

Address emit_value(const Json& value, Address next, ProgramBuilder& builder) {
  if (value.is_array()) {
    next = builder.literal("]", next);
    for (auto item = value.rbegin(); item != value.rend(); ++item) {
      next = emit_value(*item, next, builder);
      if (std::next(item) != value.rend()) next = builder.separator(',', next);
    }
    return builder.literal("[", next);
  }
  if (value.is_object()) {
    std::vector<std::pair<const std::string*, const Json*>> members;
    for (const auto& [name, member] : value.items()) members.emplace_back(&name, &member);
    next = builder.literal("}", next);
    for (std::size_t i = members.size(); i > 0; --i) {
      next = builder.separator(':', emit_value(*members[i - 1].second, next, builder));
      next = builder.literal(quoted(*members[i - 1].first), next);
      if (i > 1) next = builder.separator(',', next);
    }
    return builder.literal("{", next);
  }
  return builder.literal(value.dump(), next);
}

}  // namespace tandem::grammar
