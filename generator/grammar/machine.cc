#include "generator/grammar/machine.h"

#include <algorithm>

#include "base/error.h"

namespace tandem::grammar {
namespace {

// Silent steps for one byte. A single reading needs fewer than the largest schema has references.
constexpr std::size_t kMaxWork = 300'000;
// Up to this many configurations, looking through them is faster than hashing.
constexpr std::size_t kFewConfigurations = 16;

std::uint64_t key_of(Configuration configuration) {
  return std::uint64_t{configuration.address} << 32 | configuration.stack;
}

}  // namespace

std::size_t Stacks::Hash::operator()(const Frame& frame) const {
  std::uint64_t hash = std::uint64_t{frame.address} << 32 | frame.below;
  hash *= 0x9E3779B97F4A7C15u;
  hash ^= hash >> 32;
  hash += std::uint64_t{frame.needed} << 32 | frame.left;
  hash *= 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(hash ^ hash >> 29);
}

StackId Stacks::push(const Frame& frame) {
  const auto [found, is_new] = ids_.try_emplace(frame, static_cast<StackId>(frames_.size()));
  if (is_new) frames_.push_back(frame);
  return found->second;
}

void Stacks::shrink(std::size_t size) {
  while (frames_.size() > size) {
    ids_.erase(frames_.back());
    frames_.pop_back();
  }
}

void Machine::begin(State& out) {
  out.clear();
  taken_.clear();
  work_ = 0;
}

void Machine::start(State& out) {
  begin(out);
  add({program_.start, Stacks::kBottom}, out);
}

void Machine::step(const State& state, std::uint8_t byte, State& out) {
  begin(out);
  for (const Configuration& configuration : state) {
    if (configuration.address == kOutside) continue;
    const Instruction& instruction = program_.instructions[configuration.address];
    if (instruction.op != Op::kBytes) continue;
    const Edge* const edges = program_.edges.data() + instruction.operand;
    for (std::uint32_t i = 0; i < instruction.count; ++i)
      if (edges[i].first <= byte && byte <= edges[i].last)
        add({edges[i].target, configuration.stack}, out);
  }
}

bool Machine::accepts(const State& state) const {
  return std::any_of(state.begin(), state.end(), [&](const Configuration& configuration) {
    return configuration.address != kOutside &&
           program_.instructions[configuration.address].op == Op::kEnd;
  });
}

// Follows silent instructions, first alternative first. The builder promises that they do not lead
// in circles and that each way ends, so that the first configuration is always found.
void Machine::add(Configuration configuration, State& out) {
  open_.assign(1, configuration);
  while (!open_.empty()) {
    if (out.size() >= kMaxConfigurations || (work_ > kMaxWork && !out.empty())) return;
    ++work_;
    const auto [address, stack] = open_.back();
    open_.pop_back();
    const Instruction& instruction = program_.instructions[address];
    switch (instruction.op) {
      case Op::kBytes:
      case Op::kEnd:
        take({address, stack}, out);
        break;
      case Op::kFork:
        for (std::uint32_t i = instruction.count; i > 0; --i)
          open_.push_back({program_.edges[instruction.operand + i - 1].target, stack});
        break;
      case Op::kCall: {
        const Address rule = program_.rules[instruction.operand];
        // The last call of a rule needs no frame of its own, so that chains of references cost no
        // depth.
        const bool is_last = program_.instructions[instruction.next].op == Op::kReturn;
        open_.push_back({rule, is_last ? stack : stacks_.push({instruction.next, 0, 0, stack})});
        break;
      }
      case Op::kReturn:
        come_back(stack, out);
        break;
      case Op::kRepeat: {
        const Repeat& repeat = program_.repeats[instruction.operand];
        if (repeat.min == 0 || repeat.max == 0) open_.push_back({repeat.exit, stack});
        if (repeat.max > 0)
          open_.push_back({repeat.body, stacks_.push({address, repeat.min, repeat.max, stack})});
        break;
      }
    }
  }
}

void Machine::take(Configuration configuration, State& out) {
  if (out.size() < kFewConfigurations) {
    if (std::find(out.begin(), out.end(), configuration) != out.end()) return;
  } else {
    if (taken_.empty())
      for (const Configuration& earlier : out) taken_.insert(key_of(earlier));
    if (!taken_.insert(key_of(configuration)).second) return;
  }
  out.push_back(configuration);
}

void Machine::come_back(StackId stack, State& out) {
  if (stack == Stacks::kUnknown) {
    take({kOutside, Stacks::kUnknown}, out);
    return;
  }
  TANDEM_CHECK(stack != Stacks::kBottom);
  const Frame frame = stacks_.at(stack);
  const Instruction& instruction = program_.instructions[frame.address];
  if (instruction.op != Op::kRepeat) {
    open_.push_back({frame.address, frame.below});
    return;
  }
  const Repeat& repeat = program_.repeats[instruction.operand];
  const std::uint32_t needed = frame.needed > 0 ? frame.needed - 1 : 0;
  const std::uint32_t left = frame.left == kUnlimited ? kUnlimited : frame.left - 1;
  if (needed == 0) open_.push_back({repeat.exit, frame.below});
  if (left > 0)
    open_.push_back({repeat.again, stacks_.push({frame.address, needed, left, frame.below})});
}

}  // namespace tandem::grammar
