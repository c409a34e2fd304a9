#include "model/tokenizers/byte_level_bpe.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/utf8.h"
#include "model/tokenizers/bpe_merges.h"
#include "model/tokenizers/character_classes.h"
#include "model/tokenizers/string_table.h"

namespace tandem {
namespace {

// Longer pieces are not looked up whole: no vocabulary has words like that.
constexpr std::size_t kLongestWholeWord = 128;

// GPT-2's alphabet: printable Latin-1 stands for itself, the other 68 bytes are U+0100 and on.
std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 0x100;
  for (char32_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    alphabet[b] = printable ? b : next++;
  }
  return alphabet;
}

// The bytes that a vocabulary entry stands for; the entry's own bytes where a character of it is
// not of the alphabet.
class Alphabet {
 public:
  Alphabet() {
    for (std::size_t b = 0; b < 256; ++b) byte_of_[characters_[b]] = static_cast<std::int16_t>(b);
  }

  std::string entry(unsigned char byte) const {
    std::string out;
    append_utf8(characters_[byte], out);
    return out;
  }

  std::string bytes(const std::string& entry) const {
    if (!is_valid_utf8(entry)) return entry;
    std::string out;
    for (std::size_t at = 0; at < entry.size();) {
      const char32_t c = next_code_point(entry, at);
      if (c >= byte_of_.size() || byte_of_[c] < 0) return entry;
      out.push_back(static_cast<char>(byte_of_[c]));
    }
    return out;
  }

 private:
  static constexpr std::array<std::int16_t, 0x144> nothing() {
    std::array<std::int16_t, 0x144> none{};
    none.fill(-1);
    return none;
  }
  std::array<char32_t, 256> characters_ = make_alphabet();
  std::array<std::int16_t, 0x144> byte_of_ = nothing();
};

class ByteLevelBpe : public Tokenizer {
 public:
  explicit ByteLevelBpe(ByteLevelBpeSpec spec);

  std::vector<TokenId> encode(std::string_view text, ControlTokens control) const override {
    std::vector<TokenId> ids;
    ids.reserve(text.size() / 3);
    encode_to(text, control, [&](std::span<const TokenId> some) {
      ids.insert(ids.end(), some.begin(), some.end());
    });
    return ids;
  }

  std::size_t count(std::string_view text) const override {
    std::size_t n = 0;
    encode_to(text, ControlTokens::kAsText,
              [&](std::span<const TokenId> some) { n += some.size(); });
    return n;
  }

  std::span<const TokenId> prefix() const override { return prefix_; }
  std::span<const TokenId> suffix() const override { return suffix_; }

  std::string token_bytes(TokenId id) const override {
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index < bytes_.size() ? bytes_[index] : std::string();
  }

  bool is_control(TokenId id) const override {
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index < control_.size() && control_[index];
  }

  std::optional<TokenId> find(std::string_view token) const override {
    const TokenId id = entries_.find(token);
    return id < 0 ? std::nullopt : std::optional(id);
  }

  std::size_t vocabulary_size() const override { return bytes_.size(); }

 private:
  template <typename Sink>
  void encode_to(std::string_view text, ControlTokens control, Sink&& sink) const;
  // Leaves the ids of one piece at the front of `ids`; returns how many.
  std::size_t encode_piece(std::string_view piece, std::vector<TokenId>& ids) const;
  std::size_t merge_piece(std::string_view piece, std::vector<TokenId>& ids) const;

  std::vector<std::string> bytes_;  // by id
  std::vector<bool> control_;
  StringTable entries_;      // as the vocabulary writes them
  StringTable whole_words_;  // bytes of pieces that are known to become one token
  std::array<TokenId, 256> byte_ids_;
  BpeMerges merges_;
  AddedTokens added_;
  PreTokenizer pre_tokenizer_;
  std::vector<TokenId> prefix_;
  std::vector<TokenId> suffix_;
};

AddedTokens::Normalize normalize_function(std::vector<NormalizerStep> steps) {
  if (steps.empty()) return nullptr;
  return [steps = std::move(steps)](std::string_view text) { return normalize(text, steps); };
}

ByteLevelBpe::ByteLevelBpe(ByteLevelBpeSpec spec)
    : bytes_(spec.tokens.size()),
      control_(spec.tokens.size()),
      entries_(spec.tokens.size() + spec.added.size()),
      whole_words_(spec.tokens.size()),
      merges_(spec.merges.size()),
      added_(spec.added, normalize_function(spec.normalizer)),
      pre_tokenizer_(std::move(spec.pre_tokenizer)),
      prefix_(std::move(spec.prefix)),
      suffix_(std::move(spec.suffix)) {
  const Alphabet alphabet;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.tokens[id].empty()) continue;
    entries_.insert(spec.tokens[id], static_cast<TokenId>(id));
    bytes_[id] = alphabet.bytes(spec.tokens[id]);
  }
  for (std::size_t b = 0; b < 256; ++b) {
    byte_ids_[b] = entries_.find(alphabet.entry(static_cast<unsigned char>(b)));
  }
  for (const AddedToken& token : spec.added) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= bytes_.size()) {
      bytes_.resize(id + 1);
      control_.resize(id + 1);
    }
    entries_.insert(token.content, token.id);
    bytes_[id] = token.special ? std::string() : token.content;
    control_[id] = token.special;
  }
  for (TokenId& id : byte_ids_) {
    if (is_control(id)) id = -1;
  }
  std::string merged;
  for (std::size_t i = 0; i < spec.merges.size(); ++i) {
    const auto& [left, right] = spec.merges[i];
    merged.assign(left).append(right);
    const TokenId left_id = entries_.find(left);
    const TokenId right_id = entries_.find(right);
    const TokenId merged_id = entries_.find(merged);
    if (left_id < 0 || right_id < 0 || merged_id < 0) {
      throw Error(ErrorCode::kCorrupt,
                  spec.source + ": merge " + std::to_string(i) +
                      " names entries that the vocabulary does not have",
                  "fetch the file again");
    }
    if (!is_control(merged_id)) merges_.add(left_id, right_id, merged_id);
  }
  // What a piece becomes depends on nothing but the piece, so entries that the merges do reach are
  // remembered once; most words of a text then cost one look-up.
  std::vector<TokenId> ids;
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    if (bytes_[id].empty() || control_[id] || bytes_[id].size() > kLongestWholeWord) continue;
    const auto token = static_cast<TokenId>(id);
    if (spec.ignore_merges || (merge_piece(bytes_[id], ids) == 1 && ids[0] == token)) {
      whole_words_.insert(bytes_[id], token);
    }
  }
}

std::size_t ByteLevelBpe::merge_piece(std::string_view piece, std::vector<TokenId>& ids) const {
  if (ids.size() < piece.size()) ids.resize(piece.size());
  std::size_t n = 0;
  for (const char c : piece) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(c)];
    if (id >= 0) ids[n++] = id;
  }
  return merges_.apply({ids.data(), n});
}

std::size_t ByteLevelBpe::encode_piece(std::string_view piece, std::vector<TokenId>& ids) const {
  if (piece.size() <= kLongestWholeWord) {
    if (const TokenId whole = whole_words_.find(piece); whole >= 0) {
      if (ids.empty()) ids.resize(1);
      ids[0] = whole;
      return 1;
    }
  }
  return merge_piece(piece, ids);
}

template <typename Sink>
void ByteLevelBpe::encode_to(std::string_view text, ControlTokens control, Sink&& sink) const {
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = repair_utf8(text);
    text = repaired;
  }
  std::vector<TokenId> ids;
  const PreTokenizerStep::Sink on_piece = [&](std::string_view piece) {
    const std::size_t n = encode_piece(piece, ids);
    sink(std::span<const TokenId>(ids.data(), n));
  };
  added_.visit(
      text, control, [&](std::string_view segment) { pre_tokenizer_.split(segment, on_piece); },
      [&](TokenId id) { sink(std::span<const TokenId>(&id, 1)); });
}

}  // namespace

std::unique_ptr<Tokenizer> make_byte_level_bpe(ByteLevelBpeSpec spec) {
  return std::make_unique<ByteLevelBpe>(std::move(spec));
}

}  // namespace tandem
