// A grammar as a pushdown automaton over bytes: what the schema compiler makes and the machine
// runs.
//
// A program is a graph of instructions. Regular parts (keys, literals, strings, numbers) are states
// that take one byte. The stack serves two things only: rules, which may contain themselves, and
// repetitions that are counted, so that `maxItems: 1000000000` costs one instruction.
#ifndef TANDEM_GENERATOR_GRAMMAR_PROGRAM_H_
#define TANDEM_GENERATOR_GRAMMAR_PROGRAM_H_

#include <array>
#include <cstdint>
#include <vector>

namespace tandem::grammar {

using Address = std::uint32_t;
inline constexpr std::uint32_t kUnlimited = UINT32_MAX;

enum class Op : std::uint8_t {
  kBytes,   // takes one byte and goes on along each edge that has it
  kFork,    // goes on along each edge, without a byte; without edges it matches nothing
  kCall,    // pushes `next` and goes on at rules[operand]
  kReturn,  // pops an address and goes on there
  kRepeat,  // repeats[operand]
  kEnd,     // the text is complete
};

// States from which every character that a JSON string may hold unescaped leads back to the state:
// for ever, or as often as the repetition on top of the stack still allows.
enum class PlainText : std::uint8_t { kNo, kForEver, kCounted };

struct Edge {
  std::uint8_t first = 0;  // bytes first to last; meaningless for a fork
  std::uint8_t last = 0;
  Address target = 0;
};

struct Instruction {
  Op op = Op::kFork;
  PlainText plain = PlainText::kNo;
  std::uint32_t operand = 0;  // index of the first edge, of the rule or of the repetition
  std::uint32_t count = 0;    // number of edges
  Address next = 0;           // where a call returns to
};

// `body`, min to max times. The body ends in kReturn and takes at least one byte. Between two
// rounds the program goes through `again`, which leads to the body, with a comma before it or
// without.
struct Repeat {
  std::uint32_t min = 0;
  std::uint32_t max = kUnlimited;
  Address body = 0;
  Address again = 0;
  Address exit = 0;
};

// Immutable once built. The builder promises: whatever can be reached can also reach an end, and no
// instruction leads back to itself without taking a byte.
struct Program {
  std::vector<Instruction> instructions;
  std::vector<Edge> edges;
  std::vector<Address> rules;
  std::vector<Repeat> repeats;
  Address start = 0;
  // Bytes that no edge tells apart share a class.
  std::array<std::uint8_t, 256> class_of{};
  std::vector<std::uint8_t> class_byte;  // one byte of each class
};

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_PROGRAM_H_
