// A trie over bytes that answers: which vocabulary entry is the longest prefix of this text?
#ifndef TANDEM_MODEL_TOKENIZERS_PREFIX_TRIE_H_
#define TANDEM_MODEL_TOKENIZERS_PREFIX_TRIE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/tokenizers/tokenizer.h"

namespace tandem {

// Safe from any thread once the last insert() has returned.
class PrefixTrie {
 public:
  struct Match {
    TokenId id = -1;
    std::size_t size_bytes = 0;
  };

  PrefixTrie();

  // The first id given for a key stays.
  void insert(std::string_view key, TokenId id);

  // id is -1 where no entry is a prefix of `text`.
  Match longest_prefix(std::string_view text) const {
    Match match;
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (node == 0) break;
      if (ids_[node] >= 0) match = {ids_[node], i + 1};
    }
    return match;
  }

 private:
  // Edges of all nodes in one open-addressing table: a vocabulary's nodes have few children each,
  // and arrays of 256 would not fit the caches.
  struct Edge {
    std::uint64_t key = UINT64_MAX;  // node * 256 + byte
    std::uint32_t child = 0;
  };

  std::uint32_t child(std::uint32_t node, unsigned char byte) const {
    const std::uint64_t key = std::uint64_t{node} << 8 | byte;
    for (std::size_t i = slot_of(key);; i = (i + 1) & mask_) {
      if (edges_[i].key == key) return edges_[i].child;
      if (edges_[i].key == UINT64_MAX) return 0;
    }
  }
  std::size_t slot_of(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 32) & mask_;
  }
  void add_edge(std::uint64_t key, std::uint32_t child);

  std::vector<TokenId> ids_;  // by node; node 0 is the root
  std::vector<Edge> edges_;   // a power of two, at most half full
  std::size_t mask_;
};

}  // namespace tandem

#endif  // TANDEM_MODEL_TOKENIZERS_PREFIX_TRIE_H_
