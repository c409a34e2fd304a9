#include "generator/grammar/token_masks.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "generator/grammar/program.h"

namespace tandem {
namespace grammar {
namespace {

// Frames of the stack that an entry knows. Few tokens close more brackets than that.
constexpr std::size_t kKnownFrames = 3;
// A walk that meets more leaves its other tokens undecided: only a hostile schema does.
constexpr std::size_t kMaxWalkConfigurations = 200'000;

std::uint32_t cut_down(std::uint32_t count, std::uint32_t limit) {
  return std::min(count, limit);
}

// `state` in `known`, its stacks cut off below kKnownFrames. A token of n bytes goes through at
// most n rounds of a repetition, so that counts above that cannot be told apart.
State cut_off(const State& state, const Stacks& stacks, std::uint32_t most_rounds, Stacks& known) {
  State cut;
  for (const Configuration& configuration : state) {
    std::array<Frame, kKnownFrames> frames;
    std::size_t count = 0;
    StackId at = configuration.stack;
    while (count < kKnownFrames && !Stacks::is_floor(at)) {
      frames[count] = stacks.at(at);
      at = frames[count++].below;
    }
    StackId stack = at == Stacks::kBottom ? Stacks::kBottom : Stacks::kUnknown;
    while (count > 0) {
      Frame frame = frames[--count];
      frame.needed = cut_down(frame.needed, most_rounds);
      frame.left = cut_down(frame.left, most_rounds);
      frame.below = stack;
      stack = known.push(frame);
    }
    const Configuration known_configuration = {configuration.address, stack};
    if (std::find(cut.begin(), cut.end(), known_configuration) == cut.end())
      cut.push_back(known_configuration);
  }
  return cut;
}

void append(std::uint32_t value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// What cut_off keeps of a state, as the key of its entry.
std::string key_of(const State& state, const Stacks& stacks, std::uint32_t most_rounds) {
  std::string key;
  for (const Configuration& configuration : state) {
    append(configuration.address, key);
    StackId at = configuration.stack;
    for (std::size_t i = 0; i < kKnownFrames && !Stacks::is_floor(at); ++i) {
      const Frame& frame = stacks.at(at);
      append(frame.address, key);
      append(cut_down(frame.needed, most_rounds), key);
      append(cut_down(frame.left, most_rounds), key);
      at = frame.below;
    }
    append(at == Stacks::kBottom ? kOutside : kOutside - 1, key);
  }
  return key;
}

// Tries tokens against a state. States met on the way and where each byte leads are remembered
// within the walk: inside a string most bytes lead back to the same few states.
class Walk {
 public:
  Walk(const Program& program, const TokenVocabulary& vocabulary, const State& state,
       const Stacks& stacks)
      : program_(program),
        vocabulary_(vocabulary),
        machine_(program, stacks_),
        classes_(program.class_byte.size()) {
    intern({});  // nothing goes on from here
    const auto most = static_cast<std::uint32_t>(vocabulary.longest_token_bytes() + 1);
    start_ = intern(cut_off(state, stacks, most, stacks_));
  }

  TokenMask run() {
    const PlainTokens plain = plain_tokens();
    mask_.plain_characters = plain.allowed;
    if (!plain.decided) try_tokens(vocabulary_.plain());
    try_tokens(vocabulary_.other());
    const std::size_t words = vocabulary_.words();
    if (mask_.tokens.size() * sizeof(TokenId) > words * sizeof(std::uint64_t)) {
      mask_.words.resize(words);
      for (const TokenId id : mask_.tokens)
        mask_.words[static_cast<std::size_t>(id) / 64] |= std::uint64_t{1} << (id % 64);
      mask_.tokens.clear();
    }
    mask_.tokens.shrink_to_fit();
    mask_.undecided.shrink_to_fit();
    return std::move(mask_);
  }

 private:
  struct PlainTokens {
    std::size_t allowed = 0;  // up to this many characters
    bool decided = false;     // whether that is all that is to be said of them
  };

  PlainTokens plain_tokens() const {
    const std::size_t longest = vocabulary_.longest_plain_characters();
    if (longest == 0) return {.decided = true};
    PlainTokens result;
    bool others_take_plain = false;
    for (const Configuration& configuration : states_[start_]) {
      const Instruction& instruction = program_.instructions[configuration.address];
      if (instruction.op != Op::kBytes) continue;
      if (instruction.plain == PlainText::kNo) {
        others_take_plain = others_take_plain || takes_plain(instruction);
        continue;
      }
      std::size_t characters = longest;
      if (instruction.plain == PlainText::kCounted)
        characters = std::min<std::size_t>(longest, stacks_.at(configuration.stack).left);
      result.allowed = std::max(result.allowed, characters);
    }
    result.decided = result.allowed > 0 && (result.allowed == longest || !others_take_plain);
    return result;
  }

  bool takes_plain(const Instruction& instruction) const {
    for (std::uint32_t i = 0; i < instruction.count; ++i) {
      const Edge& edge = program_.edges[instruction.operand + i];
      const bool special = edge.last < 0x20 ||
                           (edge.first == edge.last && (edge.first == '"' || edge.first == '\\'));
      if (!special) return true;
    }
    return false;
  }

  std::size_t intern(const State& state) {
    std::string key;
    for (const Configuration& configuration : state) {
      append(configuration.address, key);
      append(configuration.stack, key);
    }
    const auto [found, is_new] = ids_.try_emplace(std::move(key), states_.size());
    if (is_new) {
      states_.push_back(state);
      next_.resize(next_.size() + classes_, kNotTried);
      configurations_ += state.size();
    }
    return found->second;
  }

  std::size_t step(std::size_t state, std::uint8_t byte) {
    const std::size_t at = state * classes_ + program_.class_of[byte];
    if (next_[at] == kNotTried) {
      machine_.step(states_[state], byte, scratch_);
      const std::size_t next = intern(scratch_);
      next_[at] = static_cast<std::uint32_t>(next);
    }
    return next_[at];
  }

  bool reaches_outside(std::size_t state) const {
    return std::any_of(states_[state].begin(), states_[state].end(),
                       [](const auto& configuration) { return configuration.address == kOutside; });
  }

  void try_tokens(const TokenTrie& trie) {
    struct Step {
      std::size_t state = 0;
      bool outside = false;  // whether a reading has gone where the machine cannot follow
    };
    std::vector<Step> path(vocabulary_.longest_token_bytes() + 1);
    path[0] = {start_, false};
    for (std::size_t i = 1; i + 1 < trie.nodes.size();) {
      const TokenTrie::Node& node = trie.nodes[i];
      const Step& before = path[node.depth - 1u];
      const bool too_much = configurations_ > kMaxWalkConfigurations;
      const std::size_t state = too_much ? kNothing : step(before.state, node.byte);
      if (state == kNothing) {
        if (before.outside || too_much)
          mask_.undecided.insert(mask_.undecided.end(), trie.tokens.begin() + node.first_token,
                                 trie.tokens.begin() + trie.nodes[node.end].first_token);
        i = node.end;
        continue;
      }
      path[node.depth] = {state, before.outside || reaches_outside(state)};
      mask_.tokens.insert(mask_.tokens.end(), trie.tokens.begin() + node.first_token,
                          trie.tokens.begin() + trie.nodes[i + 1].first_token);
      ++i;
    }
  }

  static constexpr std::size_t kNothing = 0;  // the state without a configuration
  static constexpr std::uint32_t kNotTried = UINT32_MAX;

  const Program& program_;
  const TokenVocabulary& vocabulary_;
  Stacks stacks_;
  Machine machine_;
  const std::size_t classes_;
  std::vector<State> states_;
  std::vector<std::uint32_t> next_;  // [states, classes]
  std::unordered_map<std::string, std::size_t> ids_;
  std::size_t configurations_ = 0;
  std::size_t start_ = 0;
  State scratch_;
  TokenMask mask_;
};

}  // namespace

std::size_t TokenMask::size_bytes() const {
  return sizeof(TokenMask) + tokens.capacity() * sizeof(TokenId) +
         words.capacity() * sizeof(std::uint64_t) + undecided.capacity() * sizeof(TokenId);
}

TokenMask make_token_mask(const Program& program, const TokenVocabulary& vocabulary,
                          const State& state, const Stacks& stacks) {
  return Walk(program, vocabulary, state, stacks).run();
}

}  // namespace grammar

TokenMasks::TokenMasks(std::shared_ptr<const Grammar> grammar,
                       std::shared_ptr<const TokenVocabulary> vocabulary, std::size_t max_bytes)
    : grammar_(std::move(grammar)), vocabulary_(std::move(vocabulary)), max_bytes_(max_bytes) {}

std::shared_ptr<const grammar::TokenMask> TokenMasks::find(const grammar::State& state,
                                                           const grammar::Stacks& stacks) const {
  const auto most = static_cast<std::uint32_t>(vocabulary_->longest_token_bytes() + 1);
  std::string key = grammar::key_of(state, stacks, most);
  {
    const std::lock_guard guard(mutex_);
    if (const auto found = masks_.find(key); found != masks_.end()) return found->second;
  }
  // Two threads may build the same entry; neither waits for the other.
  auto mask = std::make_shared<const grammar::TokenMask>(
      grammar::make_token_mask(grammar_->program(), *vocabulary_, state, stacks));
  const std::size_t size = mask->size_bytes() + key.size() + 64;
  if (size > max_bytes_) return mask;
  const std::lock_guard guard(mutex_);
  if (bytes_ + size > max_bytes_) {
    masks_.clear();
    bytes_ = 0;
  }
  if (masks_.try_emplace(std::move(key), mask).second) bytes_ += size;
  return mask;
}

std::size_t TokenMasks::size_bytes() const {
  const std::lock_guard guard(mutex_);
  return bytes_;
}

std::size_t TokenMasks::entries() const {
  const std::lock_guard guard(mutex_);
  return masks_.size();
}

}  // namespace tandem
