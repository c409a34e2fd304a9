#include "generator/grammar/program_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tandem::grammar {

ProgramBuilder::ProgramBuilder() {
  append({.op = Op::kFork});
  append({.op = Op::kEnd});
  append({.op = Op::kReturn});
}

Address ProgramBuilder::append(Instruction instruction) {
  auto& instructions = program_.instructions;
  // Edges are bounded as well: enumerations make one or two an instruction, classes of characters
  // a few hundred at most.
  if (instructions.size() >= kMaxInstructions || program_.edges.size() >= 8 * kMaxInstructions)
    throw Error(
        ErrorCode::kTooLarge,
        fmt::format("the schema needs an automaton of more than {} states", kMaxInstructions),
        "shorten its enumerations and patterns, or split it");
  instructions.push_back(instruction);
  return static_cast<Address>(instructions.size() - 1);
}

void ProgramBuilder::set_edges(Instruction& instruction, std::span<const Edge> edges) {
  instruction.operand = static_cast<std::uint32_t>(program_.edges.size());
  instruction.count = static_cast<std::uint32_t>(edges.size());
  program_.edges.insert(program_.edges.end(), edges.begin(), edges.end());
}

Address ProgramBuilder::bytes(std::span<const Edge> edges, PlainText plain) {
  Instruction instruction{.op = Op::kBytes, .plain = plain};
  set_edges(instruction, edges);
  return append(instruction);
}

Address ProgramBuilder::byte(std::uint8_t first, std::uint8_t last, Address next) {
  const Edge edge{first, last, next};
  return bytes({&edge, 1});
}

Address ProgramBuilder::fork(std::span<const Address> targets) {
  if (targets.size() == 1) return targets.front();
  const Address address = reserve();
  define_fork(address, targets);
  return address;
}

void ProgramBuilder::define_fork(Address address, std::span<const Address> targets) {
  std::vector<Edge> edges;
  edges.reserve(targets.size());
  for (const Address target : targets) edges.push_back({0, 0, target});
  program_.instructions[address].op = Op::kFork;
  set_edges(program_.instructions[address], edges);
}

void ProgramBuilder::define_bytes(Address address, std::span<const Edge> edges, PlainText plain) {
  program_.instructions[address].op = Op::kBytes;
  program_.instructions[address].plain = plain;
  set_edges(program_.instructions[address], edges);
}

std::span<const Edge> ProgramBuilder::edges_of(Address address) const {
  const Instruction& instruction = program_.instructions[address];
  return std::span(program_.edges).subspan(instruction.operand, instruction.count);
}

Address ProgramBuilder::literal(std::string_view text, Address next) {
  for (std::size_t i = text.size(); i > 0; --i) {
    const auto value = static_cast<std::uint8_t>(text[i - 1]);
    next = byte(value, value, next);
  }
  return next;
}

Address ProgramBuilder::separator(char mark, Address next) {
  const Address choice[] = {literal(" ", next), next};
  return literal({&mark, 1}, fork(choice));
}

Address ProgramBuilder::one_of(std::vector<std::string> texts, Address next) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return trie(texts, 0, next);
}

// `texts` are sorted, unique and share their first `depth` bytes. Recursion happens only where two
// texts part, so that long texts do not make it deep.
Address ProgramBuilder::trie(std::span<const std::string> texts, std::size_t depth, Address next) {
  if (texts.empty()) return nothing();
  const std::string& least = texts.front();
  const std::string& most = texts.back();
  const auto parting = std::mismatch(least.begin(), least.end(), most.begin(), most.end()).first;
  const auto shared = static_cast<std::size_t>(parting - least.begin());
  const std::string_view prefix = std::string_view(least).substr(depth, shared - depth);
  if (texts.size() == 1) return literal(prefix, next);
  const bool ends_here = least.size() == shared;
  if (ends_here) texts = texts.subspan(1);
  std::vector<Edge> edges;
  while (!texts.empty()) {
    const char first = texts.front()[shared];
    const auto other = std::find_if(texts.begin(), texts.end(),
                                    [&](const std::string& text) { return text[shared] != first; });
    const auto same = static_cast<std::size_t>(other - texts.begin());
    const auto value = static_cast<std::uint8_t>(first);
    edges.push_back({value, value, trie(texts.first(same), shared + 1, next)});
    texts = texts.subspan(same);
  }
  const Address choice[] = {bytes(edges), next};
  return literal(prefix, fork(std::span(choice).first(ends_here ? 2 : 1)));
}

Address ProgramBuilder::repeat(const Repeat& repeat) {
  if (repeat.max == 0) return repeat.exit;
  program_.repeats.push_back(repeat);
  return append(
      {.op = Op::kRepeat, .operand = static_cast<std::uint32_t>(program_.repeats.size() - 1)});
}

std::uint32_t ProgramBuilder::add_rule() {
  program_.rules.push_back(nothing());
  return static_cast<std::uint32_t>(program_.rules.size() - 1);
}

Address ProgramBuilder::call(std::uint32_t rule, Address next) {
  return append({.op = Op::kCall, .operand = rule, .next = next});
}

namespace {

// Which instructions can reach an end: the least fixed point, found from the ends backwards.
std::vector<bool> find_productive(const Program& program) {
  const std::size_t size = program.instructions.size();
  std::vector<std::vector<Address>> users(size);
  const auto edges_of = [&](const Instruction& instruction) {
    return std::span(program.edges).subspan(instruction.operand, instruction.count);
  };
  std::vector<Address> open;
  for (Address a = 0; a < size; ++a) {
    const Instruction& instruction = program.instructions[a];
    switch (instruction.op) {
      case Op::kBytes:
      case Op::kFork:
        for (const Edge& edge : edges_of(instruction)) users[edge.target].push_back(a);
        break;
      case Op::kCall:
        users[program.rules[instruction.operand]].push_back(a);
        users[instruction.next].push_back(a);
        break;
      case Op::kRepeat:
        users[program.repeats[instruction.operand].body].push_back(a);
        users[program.repeats[instruction.operand].exit].push_back(a);
        break;
      case Op::kReturn:
      case Op::kEnd:
        open.push_back(a);
        break;
    }
  }
  std::vector<bool> productive(size, false);
  for (const Address a : open) productive[a] = true;
  const auto reaches_end = [&](const Instruction& instruction) {
    if (instruction.op == Op::kCall)
      return productive[program.rules[instruction.operand]] && productive[instruction.next];
    if (instruction.op == Op::kRepeat) {
      const Repeat& repeat = program.repeats[instruction.operand];
      return productive[repeat.exit] && (repeat.min == 0 || productive[repeat.body]);
    }
    return true;  // one edge is enough
  };
  while (!open.empty()) {
    const Address done = open.back();
    open.pop_back();
    for (const Address user : users[done])
      if (!productive[user] && reaches_end(program.instructions[user])) {
        productive[user] = true;
        open.push_back(user);
      }
  }
  return productive;
}

void cut_unproductive(const std::vector<bool>& productive, Program& program) {
  std::vector<Edge> kept;
  for (Instruction& instruction : program.instructions) {
    if (instruction.op != Op::kBytes && instruction.op != Op::kFork) continue;
    const auto first = static_cast<std::uint32_t>(kept.size());
    for (std::uint32_t i = 0; i < instruction.count; ++i) {
      const Edge& edge = program.edges[instruction.operand + i];
      if (productive[edge.target]) kept.push_back(edge);
    }
    instruction.operand = first;
    instruction.count = static_cast<std::uint32_t>(kept.size()) - first;
  }
  program.edges = std::move(kept);
  for (Repeat& repeat : program.repeats)
    if (!productive[repeat.body]) repeat.max = 0;
}

// Where the program goes on from `address` without a byte and before any return.
void silent_steps(const Program& program, Address address, std::vector<Address>& out) {
  const Instruction& instruction = program.instructions[address];
  if (instruction.op == Op::kFork) {
    for (std::uint32_t i = 0; i < instruction.count; ++i)
      out.push_back(program.edges[instruction.operand + i].target);
  } else if (instruction.op == Op::kCall) {
    out.push_back(program.rules[instruction.operand]);
  } else if (instruction.op == Op::kRepeat) {
    const Repeat& repeat = program.repeats[instruction.operand];
    if (repeat.max > 0) out.push_back(repeat.body);
    if (repeat.min == 0 || repeat.max == 0) out.push_back(repeat.exit);
  }
}

// The rule through which an instruction leads to itself without a byte. No rule matches the empty
// text, so it is enough to look at what comes first.
std::optional<std::uint32_t> find_circular_rule(const Program& program) {
  enum class Mark : std::uint8_t { kNew, kOpen, kDone };
  std::vector<Mark> marks(program.instructions.size(), Mark::kNew);
  struct Visit {
    Address address;
    std::vector<Address> next;
  };
  std::vector<Visit> path;
  const auto enter = [&](Address address) {
    marks[address] = Mark::kOpen;
    path.push_back({address, {}});
    silent_steps(program, address, path.back().next);
  };
  for (std::uint32_t rule = 0; rule < program.rules.size(); ++rule) {
    if (marks[program.rules[rule]] == Mark::kNew) enter(program.rules[rule]);
    while (!path.empty()) {
      if (path.back().next.empty()) {
        marks[path.back().address] = Mark::kDone;
        path.pop_back();
        continue;
      }
      const Address next = path.back().next.back();
      path.back().next.pop_back();
      if (marks[next] == Mark::kOpen) return rule;
      if (marks[next] == Mark::kNew) enter(next);
    }
  }
  return std::nullopt;
}

void number_classes(Program& program) {
  std::array<bool, 257> begins{};
  for (const Instruction& instruction : program.instructions) {
    if (instruction.op != Op::kBytes) continue;
    for (std::uint32_t i = 0; i < instruction.count; ++i) {
      const Edge& edge = program.edges[instruction.operand + i];
      begins[edge.first] = true;
      begins[edge.last + 1u] = true;
    }
  }
  begins[0] = true;
  for (std::size_t b = 0; b < 256; ++b) {
    if (begins[b]) program.class_byte.push_back(static_cast<std::uint8_t>(b));
    program.class_of[b] = static_cast<std::uint8_t>(program.class_byte.size() - 1);
  }
}

}  // namespace

ProgramBuilder::Result ProgramBuilder::finish(Address start) && {
  Result result;
  program_.start = start;
  result.circular_rule = find_circular_rule(program_);
  const std::vector<bool> productive = find_productive(program_);
  for (std::uint32_t rule = 0; rule < program_.rules.size(); ++rule)
    if (!productive[program_.rules[rule]] && !result.endless_rule) result.endless_rule = rule;
  if (result.circular_rule || !productive[start]) return result;
  cut_unproductive(productive, program_);
  number_classes(program_);
  result.program = std::move(program_);
  return result;
}

}  // namespace tandem::grammar
