// Runs a program over bytes, following all readings of the text at once.
//
// A state is a set of configurations: an instruction that takes a byte (or the end of the program)
// and a stack of what is to be returned to. Stacks share their lower parts and equal stacks have
// equal ids, so that states are compared by value.
#ifndef TANDEM_GENERATOR_GRAMMAR_MACHINE_H_
#define TANDEM_GENERATOR_GRAMMAR_MACHINE_H_

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "generator/grammar/program.h"

namespace tandem::grammar {

using StackId = std::uint32_t;

// What a call or a repetition left to be done. A repetition's frame has the rounds that are still
// needed and still allowed, the current one included.
struct Frame {
  Address address = 0;
  std::uint32_t needed = 0;
  std::uint32_t left = 0;
  StackId below = 0;

  bool operator==(const Frame&) const = default;
};

// Used by one thread at a time.
class Stacks {
 public:
  static constexpr StackId kBottom = 0;
  // What is below is not known: the machine stops there, at kOutside.
  static constexpr StackId kUnknown = 1;

  Stacks() : frames_(2) {}

  StackId push(const Frame& frame);
  const Frame& at(StackId id) const { return frames_[id]; }
  static bool is_floor(StackId id) { return id <= kUnknown; }

  // Forgets the stacks that were pushed since size() was `size`.
  std::size_t size() const { return frames_.size(); }
  void shrink(std::size_t size);

 private:
  struct Hash {
    std::size_t operator()(const Frame& frame) const;
  };
  std::vector<Frame> frames_;
  std::unordered_map<Frame, StackId, Hash> ids_;
};

struct Configuration {
  Address address = 0;
  StackId stack = Stacks::kBottom;

  bool operator==(const Configuration&) const = default;
};

// In the order of the program's alternatives, without repetition. Empty once no text can follow.
using State = std::vector<Configuration>;

// The address of a configuration that returned to a place that is not known.
inline constexpr Address kOutside = UINT32_MAX;

// Used by one thread at a time; the program and the stacks must outlive it.
class Machine {
 public:
  // More readings are dropped, the last alternatives first. What is left still leads to valid texts
  // only, and each can be completed: an ambiguous schema costs choice, never time or correctness.
  static constexpr std::size_t kMaxConfigurations = 1'024;

  Machine(const Program& program, Stacks& stacks) : program_(program), stacks_(stacks) {}

  void start(State& out);
  // `out` is replaced, and is another object than `state`.
  void step(const State& state, std::uint8_t byte, State& out);

  // Whether the text may end here.
  bool accepts(const State& state) const;

  const Program& program() const { return program_; }
  const Stacks& stacks() const { return stacks_; }

 private:
  void begin(State& out);
  void add(Configuration configuration, State& out);
  void take(Configuration configuration, State& out);
  void come_back(StackId stack, State& out);

  const Program& program_;
  Stacks& stacks_;
  std::vector<Configuration> open_;
  std::unordered_set<std::uint64_t> taken_;
  std::size_t work_ = 0;
};

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_MACHINE_H_
