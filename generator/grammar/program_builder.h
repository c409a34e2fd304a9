// Puts a program together, from the end of the text to its beginning: each function takes the
// address where the text goes on and returns the one where it begins.
#ifndef TANDEM_GENERATOR_GRAMMAR_PROGRAM_BUILDER_H_
#define TANDEM_GENERATOR_GRAMMAR_PROGRAM_BUILDER_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/grammar/program.h"

namespace tandem::grammar {

// Used by one thread. Every function that adds throws kTooLarge beyond kMaxInstructions.
class ProgramBuilder {
 public:
  static constexpr std::size_t kMaxInstructions = 250'000;

  ProgramBuilder();

  Address end() const { return kEndAddress; }
  Address returning() const { return kReturnAddress; }
  Address nothing() const { return kNothingAddress; }  // matches no text

  Address bytes(std::span<const Edge> edges, PlainText plain = PlainText::kNo);
  Address byte(std::uint8_t first, std::uint8_t last, Address next);
  Address fork(std::span<const Address> targets);
  Address literal(std::string_view text, Address next);
  // `mark` and at most one space. Free white space would let a model write blanks for ever.
  Address separator(char mark, Address next);
  // One of `texts`, as a trie: ten thousand of them cost no more than their bytes.
  Address one_of(std::vector<std::string> texts, Address next);
  Address repeat(const Repeat& repeat);

  std::uint32_t add_rule();
  void set_rule(std::uint32_t rule, Address start) { program_.rules[rule] = start; }
  Address call(std::uint32_t rule, Address next);

  // For loops: an address to be given its instruction later.
  Address reserve() { return append({}); }
  void define_fork(Address address, std::span<const Address> targets);
  void define_bytes(Address address, std::span<const Edge> edges, PlainText plain = PlainText::kNo);

  // Edges of a state that takes bytes; valid until the next addition.
  std::span<const Edge> edges_of(Address address) const;

  struct Result {
    std::optional<Program> program;  // none if no finite text matches
    // A rule that no finite text matches, where there is one.
    std::optional<std::uint32_t> endless_rule;
    // A rule that leads to itself before the first byte; there is no program then.
    std::optional<std::uint32_t> circular_rule;
  };
  // Cuts off what cannot reach an end, so that a text in progress can always be completed.
  Result finish(Address start) &&;

 private:
  static constexpr Address kNothingAddress = 0;
  static constexpr Address kEndAddress = 1;
  static constexpr Address kReturnAddress = 2;

  Address append(Instruction instruction);
  void set_edges(Instruction& instruction, std::span<const Edge> edges);
  Address trie(std::span<const std::string> texts, std::size_t depth, Address next);

  Program program_;
};

}  // namespace tandem::grammar

#endif  // TANDEM_GENERATOR_GRAMMAR_PROGRAM_BUILDER_H_
