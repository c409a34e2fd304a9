#include "model/tokenizers/added_tokens.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "model/tokenizers/character_classes.h"

namespace tandem {
namespace {

std::size_t previous_start(std::string_view text, std::size_t end) {
  std::size_t start = end - 1;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  return start;
}

char32_t code_point_at(std::string_view text, std::size_t at) {
  return next_code_point(text, at);
}

// `\w` of the reference's regex crate (UTS 18, annex C).
bool is_word_character(char32_t c) {
  const auto code_point = static_cast<UChar32>(c);
  constexpr std::uint32_t kMask = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_hasBinaryProperty(code_point, UCHAR_ALPHABETIC) ||
         u_hasBinaryProperty(code_point, UCHAR_JOIN_CONTROL) ||
         (U_MASK(u_charType(code_point)) & kMask) != 0;
}

std::vector<AddedToken> select(const std::vector<AddedToken>& tokens, bool normalized,
                               const AddedTokens::Normalize& normalize) {
  std::vector<AddedToken> selected;
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized) continue;
    selected.push_back(token);
    if (normalized && normalize) selected.back().content = normalize(token.content);
  }
  return selected;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  TANDEM_CHECK(tokens_.size() < std::numeric_limits<std::int32_t>::max());
  nodes_.emplace_back();
  for (std::size_t t = 0; t < tokens_.size(); ++t) {
    const std::string& content = tokens_[t].content;
    if (content.empty()) continue;
    all_special_ = all_special_ && tokens_[t].special;
    starts_[static_cast<unsigned char>(content[0])] = true;
    std::uint32_t node = 0;
    for (const char c : content) {
      const auto byte = static_cast<unsigned char>(c);
      auto& edges = nodes_[node].edges;
      const auto edge = std::lower_bound(edges.begin(), edges.end(), std::pair(byte, 0u));
      if (edge != edges.end() && edge->first == byte) {
        node = edge->second;
      } else {
        const auto next = static_cast<std::uint32_t>(nodes_.size());
        edges.insert(edge, {byte, next});
        nodes_.emplace_back();
        node = next;
      }
    }
    if (nodes_[node].token < 0) nodes_[node].token = static_cast<std::int32_t>(t);
  }
}

bool AddedTokenMatcher::never_matches(ControlTokens control) const {
  return nodes_.size() == 1 || (control == ControlTokens::kAsText && all_special_);
}

AddedTokenMatcher::Match AddedTokenMatcher::longest_match(std::string_view text) const {
  Match match;
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto& edges = nodes_[node].edges;
    const auto edge = std::lower_bound(edges.begin(), edges.end(), std::pair(byte, 0u));
    if (edge == edges.end() || edge->first != byte) break;
    node = edge->second;
    if (nodes_[node].token >= 0) {
      match = {&tokens_[static_cast<std::size_t>(nodes_[node].token)], i + 1};
    }
  }
  return match;
}

std::vector<TextSegment> AddedTokenMatcher::split(std::string_view text,
                                                  ControlTokens control) const {
  const CharacterClasses& classes = character_classes();
  std::vector<TextSegment> segments;
  std::size_t done = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    if (!starts_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const Match match = longest_match(text.substr(at));
    if (match.token == nullptr) {
      ++at;
      continue;
    }
    std::size_t start = at;
    std::size_t stop = at + match.size;
    // A match that is turned down is consumed all the same, as the reference's iterator does.
    at = stop;
    if (control == ControlTokens::kAsText && match.token->special) continue;
    if (match.token->single_word) {
      if (start > 0 && is_word_character(code_point_at(text, previous_start(text, start)))) {
        continue;
      }
      if (stop < text.size() && is_word_character(code_point_at(text, stop))) continue;
    }
    if (match.token->lstrip) {
      while (start > done) {
        const std::size_t before = previous_start(text, start);
        if (!classes.is(code_point_at(text, before), kWhiteSpace)) break;
        start = before;
      }
    }
    if (match.token->rstrip) {
      while (stop < text.size()) {
        std::size_t after = stop;
        if (!classes.is(next_code_point(text, after), kWhiteSpace)) break;
        stop = after;
      }
    }
    // After rstrip of the previous token, a token of white space may lie in what that one took.
    if (start < done) start = done;
    if (stop < start) continue;
    if (start > done) segments.push_back({text.substr(done, start - done), -1});
    segments.push_back({text.substr(start, stop - start), match.token->id});
    done = stop;
  }
  if (done < text.size()) segments.push_back({text.substr(done), -1});
  return segments;
}

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens, Normalize normalize)
    : normalize_(std::move(normalize)),
      raw_(select(tokens, false, normalize_)),
      normalized_(select(tokens, true, normalize_)) {}

}  // namespace tandem
