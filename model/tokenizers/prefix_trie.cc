#include "model/tokenizers/prefix_trie.h"

#include <limits>
#include <utility>

#include "base/error.h"

namespace tandem {

PrefixTrie::PrefixTrie() : ids_(1, -1), edges_(1 << 10), mask_(edges_.size() - 1) {}

void PrefixTrie::insert(std::string_view key, TokenId id) {
  std::uint32_t node = 0;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    std::uint32_t next = child(node, byte);
    if (next == 0) {
      TANDEM_CHECK(ids_.size() < std::numeric_limits<std::uint32_t>::max());
      next = static_cast<std::uint32_t>(ids_.size());
      ids_.push_back(-1);
      add_edge(std::uint64_t{node} << 8 | byte, next);
    }
    node = next;
  }
  if (ids_[node] < 0) ids_[node] = id;
}

void PrefixTrie::add_edge(std::uint64_t key, std::uint32_t child) {
  // There is one edge for each node but the root.
  if (ids_.size() * 2 > edges_.size()) {
    const std::vector<Edge> old = std::exchange(edges_, std::vector<Edge>(edges_.size() * 2));
    mask_ = edges_.size() - 1;
    for (const Edge& edge : old) {
      if (edge.key == UINT64_MAX) continue;
      std::size_t i = slot_of(edge.key);
      while (edges_[i].key != UINT64_MAX) i = (i + 1) & mask_;
      edges_[i] = edge;
    }
  }
  std::size_t i = slot_of(key);
  while (edges_[i].key != UINT64_MAX) i = (i + 1) & mask_;
  edges_[i] = {key, child};
}

}  // namespace tandem
