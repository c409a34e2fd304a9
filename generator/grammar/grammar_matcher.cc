#include "generator/grammar/grammar_matcher.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "base/error.h"
#include "generator/grammar/program.h"

namespace tandem {
namespace {

constexpr std::size_t kMaxForcedBytes = 1'000;

void set_bit(TokenId id, std::span<std::uint64_t> bits) {
  bits[static_cast<std::size_t>(id) / 64] |= std::uint64_t{1} << (id % 64);
}

}  // namespace

GrammarMatcher::GrammarMatcher(std::shared_ptr<const TokenMasks> masks)
    : masks_(std::move(masks)), machine_(masks_->grammar().program(), stacks_), history_(1) {
  machine_.start(history_[0]);
}

bool GrammarMatcher::allowed(std::span<std::uint64_t> bits) {
  const TokenVocabulary& vocabulary = masks_->vocabulary();
  TANDEM_CHECK(bits.size() == vocabulary.words());
  if (finished()) {
    std::fill(bits.begin(), bits.end(), 0);
    return false;
  }
  const auto mask = masks_->find(history_.back(), stacks_);
  if (mask->plain_characters > 0) {
    const auto plain = vocabulary.plain_up_to(mask->plain_characters);
    std::copy(plain.begin(), plain.end(), bits.begin());
    for (std::size_t i = 0; i < mask->words.size(); ++i) bits[i] |= mask->words[i];
  } else if (!mask->words.empty()) {
    std::copy(mask->words.begin(), mask->words.end(), bits.begin());
  } else {
    std::fill(bits.begin(), bits.end(), 0);
  }
  for (const TokenId id : mask->tokens) set_bit(id, bits);
  if (!mask->undecided.empty()) try_undecided(mask->undecided, bits);
  if (complete())
    for (const TokenId end : vocabulary.ends()) set_bit(end, bits);
  return std::any_of(bits.begin(), bits.end(), [](std::uint64_t word) { return word != 0; });
}

void GrammarMatcher::try_undecided(const std::vector<TokenId>& tokens,
                                   std::span<std::uint64_t> bits) {
  const TokenVocabulary& vocabulary = masks_->vocabulary();
  const std::size_t stacks = stacks_.size();
  // States after each byte of the token before, of which the next one shares the beginning.
  std::vector<grammar::State> path = {history_.back()};
  std::string_view previous;
  for (const TokenId id : tokens) {
    const std::string_view bytes = vocabulary.bytes(id);
    const auto parting =
        std::mismatch(previous.begin(), previous.end(), bytes.begin(), bytes.end()).second;
    const auto shared = static_cast<std::size_t>(parting - bytes.begin());
    path.resize(std::min(path.size(), shared + 1));
    while (path.size() <= bytes.size() && !path.back().empty()) {
      machine_.step(path.back(), static_cast<std::uint8_t>(bytes[path.size() - 1]), scratch_);
      path.push_back(scratch_);
    }
    if (!path.back().empty()) set_bit(id, bits);
    previous = bytes;
  }
  stacks_.shrink(stacks);
}

bool GrammarMatcher::advance(std::string_view bytes, grammar::State& state) {
  for (const char byte : bytes) {
    machine_.step(state, static_cast<std::uint8_t>(byte), scratch_);
    std::swap(state, scratch_);
    if (state.empty()) return false;
  }
  return true;
}

bool GrammarMatcher::accept(TokenId token) {
  const TokenVocabulary& vocabulary = masks_->vocabulary();
  if (finished()) return false;
  if (vocabulary.is_end(token)) {
    if (!complete()) return false;
    history_.emplace_back();
    return true;
  }
  const std::string_view bytes = vocabulary.bytes(token);
  if (bytes.empty()) return false;
  const std::size_t stacks = stacks_.size();
  grammar::State state = history_.back();
  if (!advance(bytes, state)) {
    stacks_.shrink(stacks);
    return false;
  }
  history_.push_back(std::move(state));
  return true;
}

void GrammarMatcher::rollback(std::size_t count) {
  TANDEM_CHECK(count <= size());
  history_.resize(history_.size() - count);
}

std::string GrammarMatcher::forced() {
  std::string text;
  const std::size_t stacks = stacks_.size();
  const grammar::Program& program = machine_.program();
  grammar::State state = history_.back();
  while (text.size() < kMaxForcedBytes && !state.empty() && !machine_.accepts(state)) {
    int only = -1;
    bool choice = false;
    for (const grammar::Configuration& configuration : state) {
      const auto& instruction = program.instructions[configuration.address];
      for (std::uint32_t i = 0; i < instruction.count && !choice; ++i) {
        const grammar::Edge& edge = program.edges[instruction.operand + i];
        choice = edge.first != edge.last || (only >= 0 && only != edge.first);
        only = edge.first;
      }
    }
    if (choice || only < 0) break;
    text.push_back(static_cast<char>(only));
    machine_.step(state, static_cast<std::uint8_t>(only), scratch_);
    std::swap(state, scratch_);
  }
  stacks_.shrink(stacks);
  return text;
}

void mask_logits(std::span<float> logits, std::span<const std::uint64_t> allowed) {
  constexpr float kForbidden = -std::numeric_limits<float>::infinity();
  // Four bits select four floats at once: `keep` is all ones where a logit stays.
  static constexpr auto kKeep = [] {
    std::array<std::array<std::uint32_t, 4>, 16> keep{};
    for (std::size_t bits = 0; bits < 16; ++bits)
      for (std::size_t i = 0; i < 4; ++i) keep[bits][i] = (bits >> i & 1) != 0 ? UINT32_MAX : 0;
    return keep;
  }();
  constexpr auto kForbiddenBits = std::bit_cast<std::uint32_t>(kForbidden);
  const std::size_t words = std::min(allowed.size(), logits.size() / 64);
  for (std::size_t word = 0; word < words; ++word) {
    float* const out = logits.data() + 64 * word;
    const std::uint64_t bits = allowed[word];
    if (bits == UINT64_MAX) continue;
    if (bits == 0) {
      std::fill_n(out, 64, kForbidden);
      continue;
    }
    for (std::size_t group = 0; group < 16; ++group) {
      const auto& keep = kKeep[bits >> (4 * group) & 15];
      for (std::size_t i = 0; i < 4; ++i) {
        float& logit = out[4 * group + i];
        const auto value = std::bit_cast<std::uint32_t>(logit);
        logit = std::bit_cast<float>((value & keep[i]) | (kForbiddenBits & ~keep[i]));
      }
    }
  }
  for (std::size_t i = 64 * words; i < logits.size(); ++i) {
    const bool keep = i / 64 < allowed.size() && (allowed[i / 64] >> (i % 64) & 1) != 0;
    if (!keep) logits[i] = kForbidden;
  }
}

}  // namespace tandem
