#include "generator/grammar/token_vocabulary.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace tandem {
namespace {

// Masks are kept for each number of characters; longer tokens are tried one by one.
constexpr std::size_t kLongestPlainCharacters = 64;

bool is_plain(std::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(),
                      [](char c) {
                        return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
                      }) &&
         is_valid_utf8(bytes) && count_code_points(bytes) <= kLongestPlainCharacters;
}

// `ids` are ordered by the bytes that they stand for.
template <typename BytesOf>
grammar::TokenTrie build_trie(const std::vector<TokenId>& ids, const BytesOf& bytes_of) {
  grammar::TokenTrie trie;
  trie.nodes.push_back({});  // the root
  std::vector<std::uint32_t> path = {0};
  std::string_view previous;
  const auto leave = [&](std::size_t depth) {
    while (path.size() > depth + 1) {
      trie.nodes[path.back()].end = static_cast<std::uint32_t>(trie.nodes.size());
      path.pop_back();
    }
  };
  for (const TokenId id : ids) {
    const std::string_view bytes = bytes_of(id);
    const auto parting =
        std::mismatch(previous.begin(), previous.end(), bytes.begin(), bytes.end()).second;
    const auto shared = static_cast<std::size_t>(parting - bytes.begin());
    leave(shared);
    for (std::size_t depth = shared; depth < bytes.size(); ++depth) {
      path.push_back(static_cast<std::uint32_t>(trie.nodes.size()));
      trie.nodes.push_back({.first_token = static_cast<std::uint32_t>(trie.tokens.size()),
                            .depth = static_cast<std::uint16_t>(depth + 1),
                            .byte = static_cast<std::uint8_t>(bytes[depth])});
    }
    trie.tokens.push_back(id);
    previous = bytes;
  }
  leave(0);
  trie.nodes[0].end = static_cast<std::uint32_t>(trie.nodes.size());
  trie.nodes.push_back(
      {.end = trie.nodes[0].end, .first_token = static_cast<std::uint32_t>(trie.tokens.size())});
  return trie;
}

}  // namespace

TokenVocabulary::TokenVocabulary(const Tokenizer& tokenizer, std::span<const TokenId> ends,
                                 std::size_t size) {
  std::vector<std::string> tokens(std::max(size, tokenizer.vocabulary_size()));
  for (std::size_t i = 0; i < tokenizer.vocabulary_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!tokenizer.is_control(id)) tokens[i] = tokenizer.token_bytes(id);
  }
  build(tokens, ends);
}

TokenVocabulary::TokenVocabulary(std::span<const std::string> tokens,
                                 std::span<const TokenId> ends) {
  build(tokens, ends);
}

void TokenVocabulary::build(std::span<const std::string> tokens, std::span<const TokenId> ends) {
  size_ = tokens.size();
  for (const TokenId end : ends) {
    TANDEM_CHECK(end >= 0 && static_cast<std::size_t>(end) < size_);
    if (!is_end(end)) ends_.push_back(end);
  }
  std::vector<TokenId> plain;
  std::vector<TokenId> other;
  offsets_.push_back(0);
  for (std::size_t i = 0; i < size_; ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!tokens[i].empty() && tokens[i].size() <= kLongestTokenBytes && !is_end(id)) {
      text_ += tokens[i];
      longest_ = std::max(longest_, tokens[i].size());
      (is_plain(tokens[i]) ? plain : other).push_back(id);
    }
    offsets_.push_back(static_cast<std::uint32_t>(text_.size()));
  }
  const auto bytes_of = [this](TokenId id) { return bytes(id); };
  for (auto* ids : {&plain, &other})
    std::sort(ids->begin(), ids->end(), [&](TokenId a, TokenId b) {
      const int order = bytes_of(a).compare(bytes_of(b));
      return order != 0 ? order < 0 : a < b;
    });
  plain_ = build_trie(plain, bytes_of);
  other_ = build_trie(other, bytes_of);
  for (const TokenId id : plain) {
    const std::size_t characters = count_code_points(bytes(id));
    if (plain_masks_.size() < characters)
      plain_masks_.resize(characters, std::vector<std::uint64_t>(words()));
    plain_masks_[characters - 1][static_cast<std::size_t>(id) / 64] |= std::uint64_t{1}
                                                                       << (id % 64);
  }
  for (std::size_t i = 1; i < plain_masks_.size(); ++i)
    for (std::size_t w = 0; w < words(); ++w) plain_masks_[i][w] |= plain_masks_[i - 1][w];
}

bool TokenVocabulary::is_end(TokenId id) const {
  return std::find(ends_.begin(), ends_.end(), id) != ends_.end();
}

std::string_view TokenVocabulary::bytes(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= size_) return {};
  const auto at = static_cast<std::size_t>(id);
  return std::string_view(text_).substr(offsets_[at], offsets_[at + 1] - offsets_[at]);
}

std::span<const std::uint64_t> TokenVocabulary::plain_up_to(std::size_t characters) const {
  TANDEM_CHECK(characters > 0 && !plain_masks_.empty());
  return plain_masks_[std::min(characters, plain_masks_.size()) - 1];
}

}  // namespace tandem
